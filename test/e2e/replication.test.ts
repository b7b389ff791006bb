// Two real agents: mirror, then live replication, through the real CLI.

import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AgentPair } from "../support/agent-pair.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { FsDriver } from "../support/fs-driver.js";
import { RandomOperations } from "../support/random-operations.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("a tree of every kind of entry is mirrored, then kept live", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  const driver = await FsDriver.open(pair.sourceDir);
  const operations = new RandomOperations({ seed: 11, fileBytesMax: 600_000 });
  await driver.run(operations.take(400));
  await pair.connect();
  await pair.expectEqual();
  // A busy machine tells late: what may be in doubt is compared until then.
  let report = await pair.report();
  await eventually(async () => {
    report = await pair.report();
    expect(report).toMatchObject({ targetDataState: "OK", targetStatus: "OK", transmitMode: "Started", replicationStatus: "Ready", reasons: [] });
  });
  expect(report.mirror).toMatchObject({ outcome: "done", percent: 100, status: "Idle" });
  for (let round = 0; round < 5; round++) {
    await driver.run(operations.take(200));
    await pair.expectEqual();
  }
  await driver.close();
});

test("changes arrive by themselves, without sync", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  await pair.connect();
  await pair.sync();
  const from = (name: string): string => join(pair.sourceDir, name);
  const to = (name: string): string => join(pair.targetDir, name);
  writeFileSync(from("a"), "one");
  await eventually(() => expect(readFileSync(to("a"), "utf8")).toBe("one"));
  appendFileSync(from("a"), " two");
  await eventually(() => expect(readFileSync(to("a"), "utf8")).toBe("one two"));
  mkdirSync(from("d/e/f"), { recursive: true });
  writeFileSync(from("d/e/f/deep"), "x");
  await eventually(() => expect(readFileSync(to("d/e/f/deep"), "utf8")).toBe("x"));
  renameSync(from("d"), from("moved"));
  await eventually(() => expect([existsSync(to("d")), existsSync(to("moved/e/f/deep"))]).toEqual([false, true]));
  writeFileSync(from("moved/e/late"), "y");
  await eventually(() => expect(readFileSync(to("moved/e/late"), "utf8")).toBe("y"));
  chmodSync(from("a"), 0o640);
  linkSync(from("a"), from("b"));
  symlinkSync("a", from("l"));
  rmSync(from("moved"), { recursive: true });
  await eventually(() => expectEqualTrees(pair.sourceDir, pair.targetDir));
});

test("an edit that keeps size and mtime is not missed", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  const file = join(pair.sourceDir, "f");
  writeFileSync(file, "aaaa");
  utimesSync(file, 1000, 1000);
  await pair.connect();
  await pair.sync();
  writeFileSync(file, "bbbb");
  utimesSync(file, 1000, 1000);
  await pair.expectEqual();
});

test("a renamed directory costs one record, an overwrite in a large file its block", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  mkdirSync(join(pair.sourceDir, "big"));
  for (let i = 0; i < 10_000; i++) writeFileSync(join(pair.sourceDir, "big", `f${i}`), `content ${i}`);
  const large = join(pair.sourceDir, "large");
  writeFileSync(large, Buffer.alloc(64 * 1024 * 1024, 7));
  await pair.connect();
  await pair.expectEqual();
  const before = (await pair.report()).sentCompressedBytes;
  renameSync(join(pair.sourceDir, "big"), join(pair.sourceDir, "renamed"));
  await pair.expectEqual();
  const renamed = (await pair.report()).sentCompressedBytes;
  expect(renamed - before).toBeLessThan(64 * 1024);
  const fd = openSync(large, "r+");
  writeSync(fd, Buffer.alloc(4096, 9), 0, 4096, 20_000_000);
  closeSync(fd);
  await pair.expectEqual();
  expect((await pair.report()).sentCompressedBytes - renamed).toBeLessThan(256 * 1024);
});

test("a large file nothing is known of but its times: an edit they do not show arrives, attributes cost no content", async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  const large = join(pair.sourceDir, "large");
  writeFileSync(large, Buffer.alloc(64 * 1024 * 1024, 7));
  utimesSync(large, 1000, 1000);
  await pair.connect();
  await pair.expectEqual();
  // What it knew of the content it knows no more.
  await pair.source.stop();
  await pair.restartSource();
  await pair.expectEqual();
  const before = (await pair.report()).sentBytes;
  chmodSync(large, 0o600);
  linkSync(large, join(pair.sourceDir, "link"));
  await pair.expectEqual();
  expect((await pair.report()).sentBytes - before).toBeLessThan(64 * 1024);
  await pair.source.stop();
  await pair.restartSource();
  await pair.expectEqual();
  const fd = openSync(large, "r+");
  writeSync(fd, "edit", 20_000_000);
  closeSync(fd);
  utimesSync(large, 1000, 1000);
  const target = join(pair.targetDir, "large");
  await eventually(() => expect(readFileSync(target).toString("latin1", 20_000_000, 20_000_004)).toBe("edit"));
  await pair.expectEqual();
});

test("orderly restarts of either side go on where they were", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  const driver = await FsDriver.open(pair.sourceDir);
  const operations = new RandomOperations({ seed: 5 });
  await driver.run(operations.take(200));
  await pair.connect();
  await pair.sync();
  await pair.target.stop();
  await driver.run(operations.take(100));
  await pair.restartTarget();
  await pair.expectEqual();
  await driver.run(operations.take(100));
  await pair.source.stop();
  await driver.run(operations.take(100));
  await pair.restartSource();
  await pair.expectEqual();
  await driver.close();
});

test("what was on the target before is counted and listed, and never removed", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  mkdirSync(join(pair.targetDir, "old"), { recursive: true });
  writeFileSync(join(pair.targetDir, "old", "file"), "keep me");
  writeFileSync(join(pair.targetDir, "orphan"), "keep me too");
  writeFileSync(join(pair.sourceDir, "new"), "n");
  await pair.connect();
  await pair.sync();
  const { mirror } = await pair.report();
  expect(mirror.orphans).toBe(2);
  expect([...mirror.orphanNames].sort()).toEqual(["old", "orphan"]);
  await pair.source.kill9();
  rmSync(join(pair.sourceDir, "new"));
  await pair.restartSource();
  await pair.sync();
  expect(existsSync(join(pair.targetDir, "new"))).toBe(false);
  expect(readFileSync(join(pair.targetDir, "old", "file"), "utf8")).toBe("keep me");
  expect(existsSync(join(pair.targetDir, "orphan"))).toBe(true);
});

test("a file edited by hand on the target is healed when it changes, and by a mirror", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  writeFileSync(join(pair.sourceDir, "small"), "source");
  const large = join(pair.sourceDir, "large");
  const fd = openSync(large, "w");
  ftruncateSync(fd, 3_000_000);
  writeSync(fd, "data", 1_000_000);
  await pair.connect();
  await pair.expectEqual();
  writeFileSync(join(pair.targetDir, "small"), "edited by hand");
  writeFileSync(join(pair.targetDir, "large"), Buffer.alloc(100_000, 1));
  writeSync(fd, "more", 2_000_000);
  appendFileSync(join(pair.sourceDir, "small"), "!");
  closeSync(fd);
  await pair.expectEqual();
  rmSync(join(pair.targetDir, "small"));
  await pair.mirror("difference");
  await pair.expectEqual();
});

test("holes stay holes, on creation and on overwrite", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  const sparse = join(pair.sourceDir, "sparse");
  execFileSync("truncate", ["-s", "100M", sparse]);
  const fd = openSync(sparse, "r+");
  writeSync(fd, "x".repeat(5000), 50_000_000);
  closeSync(fd);
  await pair.connect();
  await pair.expectEqual();
  const blocks = (path: string): number => Number(execFileSync("stat", ["-c", "%b", path]));
  expect(blocks(join(pair.targetDir, "sparse"))).toBeLessThan(2000);
});
