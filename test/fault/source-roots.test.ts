// A source root that is not there, or another one: the connection halts with the reason, nothing of it is replicated,
// nothing is removed on the target, and it goes on by itself when the right one is back.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import { identityAt, isSameRoot } from "../../src/fs/root-identity.js";
import { AgentPair, type PairOptions } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { FsDriver } from "../support/fs-driver.js";
import { LoopImage } from "../support/loop-image.js";
import { RandomOperations } from "../support/random-operations.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** Longer than a source looks for its roots again, a few times. */
const LOOKS_MS = 2500;

/** Two agents with a tree that is in sync. */
async function inSync(options: PairOptions = {}): Promise<AgentPair> {
  const pair = await AgentPair.start(makeTempDirectory(), options);
  const driver = await FsDriver.open(pair.sourceDir);
  await driver.run(new RandomOperations({ seed: 3 }).take(60));
  await driver.close();
  writeFileSync(join(pair.sourceDir, "stays"), "on the target");
  await pair.connect();
  await pair.expectEqual();
  return pair;
}

async function expectHalt(pair: AgentPair, code: string): Promise<void> {
  await eventually(async () => {
    const report = await pair.report();
    expect(report).toMatchObject({ state: "halted", transmitMode: "Error", targetDataState: "Mirror Required" });
    expect(report.reasons[0]).toMatchObject({ code, object: expect.stringContaining(pair.sourceDir), next: expect.stringContaining("by itself") });
  });
}

/** It stays halted while the wrong thing is there, whatever is tried, and the target keeps what it has. */
async function expectStaysHalted(pair: AgentPair, code: string): Promise<void> {
  const before = readdirSync(pair.targetDir).sort();
  await pair.source.json(["mirror", "start", `${pair.connectionId}`]);
  await delay(LOOKS_MS);
  await expectHalt(pair, code);
  expect(readdirSync(pair.targetDir).sort()).toEqual(before);
  expect(readFileSync(join(pair.targetDir, "stays"), "utf8")).toBe("on the target");
}

/** It goes on by itself: what changed meanwhile comes, and what changes now is seen without anybody asking. */
async function expectGoesOn(pair: AgentPair): Promise<void> {
  await eventually(async () => expect((await pair.report()).state).toBe("streaming"));
  await pair.expectEqual();
  await eventually(async () => expect((await pair.report()).reasons).toEqual([]));
  writeFileSync(join(pair.sourceDir, "live"), "seen");
  await eventually(() => expect(readFileSync(join(pair.targetDir, "live"), "utf8")).toBe("seen"));
}

describe("a directory", () => {
  test.each([{ isAgentRunning: true }, { isAgentRunning: false }])("that is missing (agent running: $isAgentRunning)", async ({ isAgentRunning }) => {
    const pair = await inSync();
    const away = `${pair.sourceDir}-away`;
    if (!isAgentRunning) await pair.source.stop();
    renameSync(pair.sourceDir, away);
    if (!isAgentRunning) await pair.restartSource();
    const sync = pair.source.cli(["sync", `${pair.connectionId}`, "--timeout", "60"]);
    await expectHalt(pair, "ROOT_MISSING");
    writeFileSync(join(away, "meanwhile"), "m");
    rmSync(join(away, "stays"));
    await delay(LOOKS_MS);
    expect(readFileSync(join(pair.targetDir, "stays"), "utf8")).toBe("on the target");
    renameSync(away, pair.sourceDir);
    expect(await sync).toMatchObject({ code: 0 });
    await expectGoesOn(pair);
  });

  test.each([{ isAgentRunning: true }, { isAgentRunning: false }])("that is another one (agent running: $isAgentRunning)", async ({ isAgentRunning }) => {
    const pair = await inSync();
    const away = `${pair.sourceDir}-away`;
    if (!isAgentRunning) await pair.source.stop();
    renameSync(pair.sourceDir, away);
    mkdirSync(pair.sourceDir);
    writeFileSync(join(pair.sourceDir, "impostor"), "x");
    if (!isAgentRunning) await pair.restartSource();
    await expectHalt(pair, "ROOT_CHANGED");
    await expectStaysHalted(pair, "ROOT_CHANGED");
    // Nor does a restart of the agent make it the right one.
    await pair.source.stop();
    await pair.restartSource();
    await expectStaysHalted(pair, "ROOT_CHANGED");
    rmSync(pair.sourceDir, { recursive: true });
    await expectHalt(pair, "ROOT_MISSING");
    renameSync(away, pair.sourceDir);
    await expectGoesOn(pair);
  });

  test("that was connected by a version that kept no birth times is known, and its birth time from then on", async () => {
    const pair = await inSync();
    await pair.source.stop();
    const file = join(pair.source.home, "state", "connections", `${pair.connectionId}.json`);
    const readRoots = () => (JSON.parse(readFileSync(file, "utf8")) as { roots: { path: string; fsid: string; ino: number; btime?: string }[] }).roots;
    const before = readRoots();
    const record = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...record, roots: before.map(({ path, fsid, ino }) => ({ path, fsid, ino })) }));
    await pair.restartSource();
    await expectGoesOn(pair);
    await eventually(() => expect(readRoots()).toEqual(before));
  });

  test("that is another one takes no further connection of the set", async () => {
    const pair = await inSync();
    const away = `${pair.sourceDir}-away`;
    renameSync(pair.sourceDir, away);
    mkdirSync(pair.sourceDir);
    await expectHalt(pair, "ROOT_CHANGED");
    const second = await pair.source.cli(["connect", "data", "B", "--map", `${pair.sourceDir}=${pair.targetDir}-2`]);
    expect([second.code, second.stderr.includes("ROOT_CHANGED")]).toEqual([4, true]);
    rmSync(pair.sourceDir, { recursive: true });
    renameSync(away, pair.sourceDir);
    await expectGoesOn(pair);
  });
});

describe("a file system", () => {
  test.each(["ext4", "xfs"] as const)("of %s that is unmounted and mounted again", async (type) => {
    const image = LoopImage.open({ type, sizeMiB: type === "xfs" ? 300 : 64 });
    const pair = await inSync({ sourceDir: image.path });
    await eventually(() => image.unmount());
    await pair.source.cli(["sync", `${pair.connectionId}`, "--timeout", "1"]);
    await expectHalt(pair, "ROOT_CHANGED");
    // On the same device, with the same inode numbers: only its identity tells it from the right one.
    const other = LoopImage.open({ type, sizeMiB: type === "xfs" ? 300 : 64, at: image.path });
    writeFileSync(join(other.path, "impostor"), "x");
    await expectStaysHalted(pair, "ROOT_CHANGED");
    await eventually(() => other.unmount());
    image.mount();
    rmSync(join(image.path, "stays"));
    await expectGoesOn(pair);
  });

  test("that is not mounted when the agent starts", async () => {
    const image = LoopImage.open({ type: "ext4", sizeMiB: 64 });
    const pair = await inSync({ sourceDir: image.path });
    await pair.source.stop();
    image.unmount();
    await pair.restartSource();
    await expectHalt(pair, "ROOT_CHANGED");
    await expectStaysHalted(pair, "ROOT_CHANGED");
    image.mount();
    await expectGoesOn(pair);
  });

  test("that is mounted anew faster than anybody looks is watched again, on another device, too", async () => {
    const image = LoopImage.open({ type: "ext4", sizeMiB: 64 });
    const pair = await inSync({ sourceDir: image.path });
    await eventually(() => image.unmount());
    image.mount();
    await expectGoesOn(pair);
    await eventually(() => image.unmount());
    const ballast = LoopImage.open({ type: "ext4", sizeMiB: 64 });
    image.mount();
    writeFileSync(join(image.path, "stays"), "changed");
    await expectGoesOn(pair);
    ballast.unmount();
  });

  test("is known again after a new mount, and told from any other", () => {
    for (const type of ["ext4", "xfs", "btrfs", "tmpfs"] as const) {
      const sizeMiB = type === "xfs" ? 300 : 128;
      const image = LoopImage.open({ type, sizeMiB });
      const first = identityAt(image.path);
      image.unmount();
      expect(() => isSameRoot(first, identityAt(image.path))).not.toThrow();
      expect(isSameRoot(first, identityAt(image.path)), `${type}, not mounted`).toBe(false);
      image.mount();
      expect(isSameRoot(first, identityAt(image.path)), `${type}, mounted again`).toBe(type !== "tmpfs");
      image.unmount();
      const other = LoopImage.open({ type, sizeMiB, at: image.path });
      expect(isSameRoot(first, identityAt(image.path)), `${type}, another one`).toBe(false);
      other.unmount();
    }
  });
});
