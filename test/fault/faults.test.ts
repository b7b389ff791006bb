// What goes wrong around two agents: each fault has a clear state, loses nothing, and ends when its cause does.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import { AgentPair } from "../support/agent-pair.js";
import { AgentProcess } from "../support/agent-process.js";
import { eventually } from "../support/eventually.js";
import { FsDriver } from "../support/fs-driver.js";
import { LoopImage } from "../support/loop-image.js";
import { NetworkPair } from "../support/network-namespace.js";
import { RandomOperations } from "../support/random-operations.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("a wrong, used or expired token pairs nobody", async () => {
  const directory = makeTempDirectory();
  const target = await AgentProcess.start({ home: join(directory, "b") });
  const source = await AgentProcess.start({ home: join(directory, "a") });
  const garbage = await source.cli(["peer", "bootstrap", "import", "-"], { input: "bm90IGEgdG9rZW4=" });
  expect(garbage.code).not.toBe(0);
  expect(garbage.stderr).toContain("TOKEN_INVALID");
  const { token } = await target.json<{ token: string }>(["peer", "bootstrap", "create", "--site-name", "B"]);
  const parsed = JSON.parse(Buffer.from(token, "base64").toString()) as Record<string, unknown>;
  const forged = Buffer.from(JSON.stringify({ ...parsed, secret: Buffer.alloc(32, 1).toString("base64") })).toString("base64");
  const wrong = await source.cli(["peer", "bootstrap", "import", "-"], { input: forged });
  expect([wrong.code, wrong.stderr.includes("TOKEN_INVALID")]).toEqual([7, true]);
  expect((await source.cli(["peer", "bootstrap", "import", "-"], { input: token })).code).toBe(0);
  const third = await AgentProcess.start({ home: join(directory, "c") });
  const again = await third.cli(["peer", "bootstrap", "import", "-"], { input: token });
  expect([again.code, again.stderr.includes("TOKEN_INVALID")]).toEqual([7, true]);
  expect(await target.json<{ peers: unknown[] }>(["peer", "list"])).toMatchObject({ peers: [expect.anything()] });
});

test("a revoked peer loses its channel at once and gets nothing but a refusal", async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  await pair.connect();
  await pair.sync();
  const { peers } = await pair.target.json<{ peers: { name: string }[] }>(["peer", "list"]);
  const removed = await pair.target.json<{ closedChannels: number }>(["peer", "remove", peers[0]?.name ?? ""]);
  expect(removed.closedChannels).toBeGreaterThan(0);
  writeFileSync(join(pair.sourceDir, "secret"), "not for you");
  await eventually(async () => {
    const report = await pair.report();
    expect(report.targetStatus).toBe("Unreachable");
    expect(report.reasons[0]?.message).toMatch(/does not know your certificate/);
  });
  const sync = await pair.source.cli(["sync", `${pair.connectionId}`, "--timeout", "1"]);
  expect(sync.code).toBe(6);
  await expect(async () => (await import("node:fs")).readFileSync(join(pair.targetDir, "secret"))).rejects.toThrow("ENOENT");
});

test("a full disk on the target: retried, said, and finished when there is room", async () => {
  const disk = LoopImage.open({ type: "tmpfs", sizeMiB: 8 });
  const pair = await AgentPair.start(makeTempDirectory(), { targetDir: join(disk.path, "t") });
  writeFileSync(join(disk.path, "ballast"), Buffer.alloc(6 * 1024 * 1024, 1));
  await pair.connect();
  await pair.sync();
  for (let i = 0; i < 40; i++) writeFileSync(join(pair.sourceDir, `f${i}`), Buffer.alloc(100_000, i));
  await eventually(async () => {
    const report = await pair.report();
    expect(report.targetStatus).toBe("Retrying");
    expect(report.reasons.some((r) => /ENOSPC/.test(r.message))).toBe(true);
  });
  rmSync(join(disk.path, "ballast"));
  await pair.expectEqual();
  await eventually(async () => expect((await pair.report()).reasons).toEqual([]));
});

describe("the network", () => {
  test("link down for 30 s: said, logged meanwhile, nothing lost", async () => {
    const net = NetworkPair.open();
    const directory = makeTempDirectory();
    const pair = await AgentPair.start(directory, {
      sourceAgent: { prefix: net.a.prefix, listen: `${net.a.address}:0` },
      targetAgent: { prefix: net.b.prefix, listen: `${net.b.address}:0` },
    });
    const driver = await FsDriver.open(pair.sourceDir);
    const operations = new RandomOperations({ seed: 77 });
    await driver.run(operations.take(100));
    await pair.connect();
    await pair.expectEqual();
    net.linkDown();
    const downAt = performance.now();
    await driver.run(operations.take(100));
    await eventually(async () => expect((await pair.report()).targetStatus).toBe("Unreachable"));
    const { reasons } = await pair.report();
    expect(reasons[0]).toMatchObject({ object: "peer B", next: expect.stringContaining("again") });
    await delay(Math.max(0, 30_000 - (performance.now() - downAt)));
    await driver.run(operations.take(100));
    net.linkUp();
    await pair.expectEqual();
    await driver.close();
  });
});

test("the target replaced by an empty one is mirrored again", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  const driver = await FsDriver.open(pair.sourceDir);
  await driver.run(new RandomOperations({ seed: 9 }).take(80));
  await driver.close();
  await pair.connect();
  await pair.expectEqual();
  await pair.target.stop();
  rmSync(join(directory, "b", "state", "target"), { recursive: true });
  rmSync(pair.targetDir, { recursive: true });
  await pair.restartTarget();
  await pair.expectEqual();
});

test("a queue that overflows while the target is away, with queue.onFull mirror: Mirror Required, then repaired, deletes included", async () => {
  const directory = makeTempDirectory();
  mkdirSync(join(directory, "a", "etc"), { recursive: true });
  writeFileSync(join(directory, "a", "etc", "sm.yaml"), "queue:\n  memoryMiB: 1\n  diskMiB: 5\n  onFull: mirror\n");
  const pair = await AgentPair.start(directory);
  const driver = await FsDriver.open(pair.sourceDir);
  const operations = new RandomOperations({ seed: 41 });
  await driver.run(operations.take(100));
  await driver.close();
  writeFileSync(join(pair.sourceDir, "doomed"), "x");
  await pair.connect();
  await pair.expectEqual();
  await pair.target.stop();
  rmSync(join(pair.sourceDir, "doomed"));
  for (let i = 0; i < 40; i++) writeFileSync(join(pair.sourceDir, `bulk-${i}`), Buffer.alloc(1_000_000, i));
  await eventually(async () => {
    const report = await pair.report();
    expect(report.targetDataState).toBe("Mirror Required");
    expect(report.reasons.map((reason) => reason.code)).toContain("MIRROR_REQUIRED");
    expect(report.diskQueueBytes).toBeLessThanOrEqual(6 * 1024 * 1024);
  });
  await pair.restartTarget();
  await pair.expectEqual();
  await eventually(async () => expect((await pair.report()).reasons).toEqual([]));
});
