// A restart of the source agent costs a look at the metadata of the tree and the comparison of what changed: what did not change
// is not even looked at on the target. What cannot be told that way is a mirror, as before. Needs root.

import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ConnectionRecord } from "../../src/connection/connection-record.js";
import { AgentPair } from "../support/agent-pair.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const NO_FANOTIFY = whyNoFanotify();
const SCANNED = "what changed since is compared, and nothing else";
const MIRRORED = "Mirror started";

const recordPath = (pair: AgentPair): string => join(pair.source.home, "state", "connections", `${pair.connectionId}.json`);
const recordOf = (pair: AgentPair): ConnectionRecord => JSON.parse(readFileSync(recordPath(pair), "utf8"));

const UNTOUCHED_BYTES = 100_000_000;

/** By calls, files and sockets alike, the program itself too. */
const bytesRead = ({ ready }: AgentPair["source"]): number => Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${ready.pid}/io`, "utf8"))?.[1]);

/** Two directories of twins: the same names, sizes and times, other content. The record has a checkpoint. */
async function connected(): Promise<AgentPair> {
  const pair = await AgentPair.start(makeTempDirectory());
  for (const name of ["one", "two", "still"]) {
    mkdirSync(join(pair.sourceDir, name, "deep"), { recursive: true });
    for (const file of ["x", "y"]) writeTwin(join(pair.sourceDir, name, "deep", file), name);
  }
  await pair.connect();
  await pair.expectEqual();
  await eventually(() => expect(recordOf(pair).checkpoint).not.toBe(null));
  return pair;
}

function writeTwin(path: string, content: string): void {
  writeFileSync(path, content.padEnd(16, "."));
  utimesSync(path, 1_500_000_000, 1_500_000_000);
}

/** As if the last change had been long ago: all that is on the target by now is older than the mark. */
async function pretendOld(pair: AgentPair): Promise<void> {
  const record = recordOf(pair);
  if (record.checkpoint === null) throw new Error("no checkpoint");
  const { mark } = record.checkpoint;
  const untilMs = Date.now() - 1;
  writeFileSync(recordPath(pair), JSON.stringify({ ...record, checkpoint: { ...record.checkpoint, mark: { ...mark, untilMs } } }));
  await eventually(() => expect(Date.now()).toBeGreaterThan(untilMs + 30), { intervalMs: 5 });
}

function vandalise(pair: AgentPair): void {
  writeTwin(join(pair.targetDir, "still", "deep", "x"), "vandal");
}

const isVandalised = (pair: AgentPair): boolean => readFileSync(join(pair.targetDir, "still", "deep", "x"), "latin1").startsWith("vandal");

test.skipIf(NO_FANOTIFY !== null)(titled("after a kill only what changed is compared, moves and swaps of twins included", NO_FANOTIFY), async () => {
  const pair = await connected();
  writeFileSync(join(pair.sourceDir, "still", "large"), Buffer.alloc(UNTOUCHED_BYTES, "large"));
  await pair.sync();
  const { seq } = recordOf(pair).checkpoint ?? { seq: 0 };
  await eventually(() => expect(recordOf(pair).checkpoint?.seq).toBeGreaterThan(seq));
  await pair.source.kill9();
  await pretendOld(pair);
  const before = bytesRead(pair.target);
  vandalise(pair);
  const path = (name: string): string => join(pair.sourceDir, name);
  renameSync(path("one"), path("aside"));
  renameSync(path("two"), path("one"));
  renameSync(path("aside"), path("two"));
  appendFileSync(path("one/deep/x"), "more");
  rmSync(path("two/deep/y"));
  writeFileSync(path("new"), "new");
  await pair.restartSource();
  await pair.sync();
  expect(pair.source.outputTail).toContain(SCANNED);
  expect(pair.source.outputTail).not.toContain(MIRRORED);
  await eventually(async () => expect((await pair.report()).targetDataState).toBe("OK"));
  expect(bytesRead(pair.source)).toBeLessThan(UNTOUCHED_BYTES / 2);
  expect(bytesRead(pair.target) - before).toBeLessThan(UNTOUCHED_BYTES / 2);
  // What did not change on the source was left alone.
  expect(isVandalised(pair)).toBe(true);
  writeTwin(join(pair.targetDir, "still", "deep", "x"), "still");
  await expectEqualTrees(pair.sourceDir, pair.targetDir);
});

test.skipIf(NO_FANOTIFY !== null)(titled("an orderly stop costs no more, and a second kill before the repair loses nothing", NO_FANOTIFY), async () => {
  const pair = await connected();
  await pair.source.stop();
  await pretendOld(pair);
  vandalise(pair);
  writeFileSync(join(pair.sourceDir, "one", "while stopped"), "a");
  await pair.target.stop();
  await pair.restartSource();
  await eventually(async () => expect(await pair.report()).toMatchObject({ targetDataState: "Repairing" }));
  expect((await pair.report()).reasons.map(({ code }) => code)).toContain("REPAIRING");
  writeFileSync(join(pair.sourceDir, "two", "while waiting"), "b");
  await pair.source.kill9();
  rmSync(join(pair.sourceDir, "one", "deep", "x"));
  await pair.restartTarget();
  await pair.restartSource();
  await pair.sync();
  expect(pair.source.outputTail).not.toContain(MIRRORED);
  expect(isVandalised(pair)).toBe(true);
  writeTwin(join(pair.targetDir, "still", "deep", "x"), "still");
  await expectEqualTrees(pair.sourceDir, pair.targetDir);
});

test.skipIf(NO_FANOTIFY !== null)(titled("where the checkpoint says nothing of what is there, all is compared", NO_FANOTIFY), async () => {
  const pair = await connected();
  const damages: ((record: ConnectionRecord & { checkpoint: NonNullable<ConnectionRecord["checkpoint"]> }) => unknown)[] = [
    (record) => ({ ...record, checkpoint: { ...record.checkpoint, mark: { ...record.checkpoint.mark, bootId: "another" } } }),
    (record) => ({ ...record, checkpoint: { ...record.checkpoint, epoch: "0".repeat(16) } }),
    (record) => ({ ...record, checkpoint: { ...record.checkpoint, mark: { ...record.checkpoint.mark, bootTimeMs: record.checkpoint.mark.bootTimeMs - 1 } } }),
  ];
  for (const damage of damages) {
    await eventually(() => expect(recordOf(pair).checkpoint).not.toBe(null));
    await pair.source.kill9();
    await pretendOld(pair);
    rmSync(join(pair.targetDir, "still", "deep", "x"));
    writeFileSync(recordPath(pair), JSON.stringify(damage(recordOf(pair) as never)));
    await pair.restartSource();
    await pair.expectEqual();
    expect(pair.source.outputTail).toContain(MIRRORED);
  }
});
