// A file that refuses changes on the target holds up nothing but itself; both sides say so until it is repaired.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { QuarantineEntry } from "../../src/model/control-port.js";
import { AgentPair } from "../support/agent-pair.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { makeTempDirectory } from "../support/temp-tree.js";

function protect(path: string): void {
  execFileSync("chattr", ["+i", path]);
}

function release(path: string): void {
  execFileSync("chattr", ["-i", path]);
}

async function pairWith(apply: string): Promise<AgentPair> {
  const directory = makeTempDirectory();
  mkdirSync(join(directory, "b/etc"), { recursive: true });
  writeFileSync(join(directory, "b/etc/sm.yaml"), `apply: ${apply}\n`);
  const image = LoopImage.open({ type: "ext4", sizeMiB: 64 });
  const pair = await AgentPair.start(directory, { targetDir: join(image.path, "copy") });
  // A file that is still protected would keep the image from nothing, but a later run from its directory.
  onTestFinished(() => void execFileSync("chattr", ["-R", "-f", "-i", pair.targetDir], { stdio: "ignore" }));
  return pair;
}

async function held(pair: AgentPair): Promise<readonly QuarantineEntry[]> {
  return (await pair.target.json<{ entries: readonly QuarantineEntry[] }>(["quarantine", "list"])).entries;
}

async function targetReasons(pair: AgentPair): Promise<readonly string[]> {
  const { targets } = await pair.target.status();
  return targets.flatMap(({ reasons }) => reasons.map(({ code }) => code));
}

/** The state of the connection is fine again, and the trees are equal. */
async function expectHealed(pair: AgentPair): Promise<void> {
  await pair.expectEqual();
  await eventually(async () =>
    expect(await pair.report()).toMatchObject({ targetDataState: "OK", targetStatus: "OK", reasons: [], consistency: { reason: null } }),
  );
  expect(await held(pair)).toEqual([]);
  expect(await targetReasons(pair)).toEqual([]);
}

async function drop(pair: AgentPair): Promise<void> {
  const dropped = await pair.target.json<{ entries: readonly QuarantineEntry[] }>(["quarantine", "drop", "--all"]);
  expect(dropped.entries).toMatchObject([{ state: "dropped", needsMirror: true }]);
  await eventually(async () => expect((await pair.report()).reasons.map(({ code }) => code)).toContain("MIRROR_REQUIRED"));
}

/** What is dropped takes a mirror by hand. Refused by that again, it is held again: nothing is given up for good while it is wrong. */
async function expectDropHealed(pair: AgentPair, name: string): Promise<void> {
  protect(join(pair.targetDir, name));
  writeFileSync(join(pair.sourceDir, name), "newest");
  await eventually(async () => expect(await held(pair)).toMatchObject([{ state: "quarantined" }]));
  await drop(pair);
  expect(await pair.report()).toMatchObject({ targetDataState: "Mirror Required", mirror: { status: "Idle" } });
  await pair.mirror("difference");
  await eventually(async () => expect(await held(pair)).toMatchObject([{ state: "quarantined" }]));
  expect(await pair.report()).toMatchObject({ targetDataState: "Mirror Required" });
  await drop(pair);
  release(join(pair.targetDir, name));
  await pair.mirror("difference");
  await expectHealed(pair);
}

test.runIf(canMountImages("ext4"))("an immutable file holds up only itself; released and tried again, or dropped and mirrored, it is repaired", async () => {
  const pair = await pairWith("{quarantineRetrySeconds: 0, retryLimitSeconds: 0}");
  const { sourceDir, targetDir } = pair;
  mkdirSync(join(sourceDir, "d"));
  writeFileSync(join(sourceDir, "d/locked"), "old");
  writeFileSync(join(sourceDir, "gone"), "old");
  writeFileSync(join(sourceDir, "free"), "old");
  await pair.connect();
  await pair.sync();
  for (const name of ["d/locked", "gone"]) protect(join(targetDir, name));
  writeFileSync(join(sourceDir, "d/locked"), "new content");
  rmSync(join(sourceDir, "gone"));
  writeFileSync(join(sourceDir, "free"), "behind it");
  writeFileSync(join(sourceDir, "more"), "also behind it");
  // The four may be one set, of which new names come first.
  const contents = ["more", "free", "d/locked"].map((name) => join(targetDir, name));
  const expected = ["also behind it", "behind it", "old"];
  await eventually(() => expect(contents.map((path) => readFileSync(path, "utf8"))).toEqual(expected));
  const report = await eventually(async () => {
    const now = await pair.report();
    expect(now.reasons.map(({ code }) => code)).toContain("QUARANTINED");
    return now;
  });
  expect(report).toMatchObject({ targetDataState: "Mirror Required", targetStatus: "Retrying", consistency: { reason: { code: "NOT_A_COPY" } } });
  const entries = await held(pair);
  expect(entries.map(({ path, code, state }) => ({ path, code, state })).sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
    { path: join(targetDir, "d/locked"), code: "EPERM", state: "quarantined" },
    { path: join(targetDir, "gone"), code: "EPERM", state: "quarantined" },
  ]);
  expect(await targetReasons(pair)).toContain("QUARANTINED");
  // What is written and moved meanwhile is not lost either, and a sync does not claim it.
  writeFileSync(join(sourceDir, "d/locked"), "newer content");
  renameSync(join(sourceDir, "d"), join(sourceDir, "e"));
  expect((await pair.source.cli(["sync", `${pair.connectionId}`, "--timeout", "1"])).code).toBe(6);
  await eventually(async () => expect((await held(pair)).map(({ path }) => path)).toContain(join(targetDir, "e/locked")));
  expect((await pair.target.cli(["quarantine", "retry", join(targetDir, "nothing")])).code).toBe(2);
  await pair.target.json(["quarantine", "retry", "--all"]);
  await eventually(async () => expect((await pair.report()).reasons.map(({ code }) => code)).toEqual(["QUARANTINED"]));
  for (const name of ["e/locked", "gone"]) release(join(targetDir, name));
  await pair.target.json(["quarantine", "retry", "--all"]);
  await expectHealed(pair);
  await expectDropHealed(pair, "free");
});

test.runIf(canMountImages("ext4"))("it is kept over a kill of the target, and heals by itself once it is released", async () => {
  const pair = await pairWith("{quarantineRetrySeconds: 1, retryLimitSeconds: 1}");
  const { sourceDir, targetDir } = pair;
  writeFileSync(join(sourceDir, "first"), "old");
  await pair.connect();
  await pair.sync();
  protect(join(targetDir, "first"));
  writeFileSync(join(sourceDir, "first"), "new content");
  await eventually(async () => expect(await held(pair)).toMatchObject([{ state: "quarantined" }]));
  await pair.target.kill9();
  await pair.restartTarget();
  expect(await held(pair)).toMatchObject([{ state: "quarantined" }]);
  expect(await targetReasons(pair)).toContain("QUARANTINED");
  await eventually(async () => expect(await pair.report()).toMatchObject({ state: "streaming", targetDataState: "Mirror Required" }));
  release(join(targetDir, "first"));
  await expectHealed(pair);
});

test.runIf(canMountImages("tmpfs"))("a full disk is waited for, in order, and said", async () => {
  const image = LoopImage.open({ type: "tmpfs", sizeMiB: 4 });
  const pair = await AgentPair.start(makeTempDirectory(), { targetDir: join(image.path, "copy") });
  await pair.connect();
  await pair.sync();
  writeFileSync(join(pair.sourceDir, "big"), Buffer.alloc(6 * 1024 * 1024, 1));
  writeFileSync(join(pair.sourceDir, "behind"), "behind");
  await eventually(async () => expect((await pair.report()).reasons.map(({ code }) => code)).toContain("ENOSPC"));
  expect(await held(pair)).toEqual([]);
  expect(await pair.report()).toMatchObject({ targetStatus: "Retrying" });
  image.remount("size=16m");
  await pair.sync();
  await expectEqualTrees(pair.sourceDir, pair.targetDir);
});
