// The queue is full while the target is away: what leaves it is known place by place, and exactly that is repaired, whatever
// happens to either side meanwhile. No mirror is ever needed.

import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MB = 1_000_000;
const UNTOUCHED_BYTES = 60 * MB;

async function pairWithSmallQueue(): Promise<AgentPair> {
  const directory = makeTempDirectory();
  mkdirSync(join(directory, "a", "etc"), { recursive: true });
  writeFileSync(join(directory, "a", "etc", "sm.yaml"), "queue:\n  memoryMiB: 1\n  diskMiB: 5\n");
  return AgentPair.start(directory);
}

function plant(at: (path: string) => string): void {
  for (const name of ["untouched", "moving/deep", "current", "previous", "doomed/below", "links"]) mkdirSync(at(name), { recursive: true });
  for (let i = 0; i < 6; i++) writeFileSync(at(`untouched/${i}`), Buffer.alloc(UNTOUCHED_BYTES / 6, i));
  for (let i = 0; i < 20; i++) writeFileSync(at(`moving/deep/${i}`), `moving ${i}`);
  writeFileSync(at("doomed/below/file"), "doomed");
  writeFileSync(at("big"), Buffer.alloc(8 * MB, 1));
  // Two states of one release: same names, sizes and times.
  for (const name of ["current", "previous"]) {
    writeFileSync(at(`${name}/index`), `${name.slice(0, 7)}!`);
    utimesSync(at(`${name}/index`), 1, 1);
  }
  writeFileSync(at("links/first"), "one inode");
  for (const name of ["second", "third"]) linkSync(at("links/first"), at(`links/${name}`));
}

class Bulk {
  #count = 0;
  readonly #at: (path: string) => string;

  constructor(at: (path: string) => string) {
    this.#at = at;
  }

  /** More than the queue holds. */
  write(): void {
    for (let i = 0; i < 9; i++) writeFileSync(this.#at(`bulk-${this.#count++}`), Buffer.alloc(MB, this.#count));
  }
}

function overwrite(path: string, offsets: readonly number[]): void {
  const fd = openSync(path, "r+");
  for (const offset of offsets) writeSync(fd, Buffer.alloc(5000, 7), 0, 5000, offset);
  closeSync(fd);
}

function bytesRead(pid: number): number {
  return Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
}

/** Never a mirror: neither owed nor run. */
async function expectNoMirror(pair: AgentPair): Promise<void> {
  const report = await pair.report();
  expect(report.targetDataState).not.toBe("Mirror Required");
  expect(report.reasons.map(({ code }) => code)).not.toContain("MIRROR_REQUIRED");
  expect(report.mirror.id).toBe(1);
}

test("exactly what changed is repaired, and nothing else is read", async () => {
  const pair = await pairWithSmallQueue();
  const at = (path: string): string => join(pair.sourceDir, path);
  const bulk = new Bulk(at);
  plant(at);
  await pair.connect();
  await pair.expectEqual();
  await pair.target.stop();
  const full = async (): Promise<void> => {
    const { places } = (await pair.report()).repair;
    bulk.write();
    await eventually(async () => expect((await pair.report()).repair.places).toBeGreaterThan(places));
    await expectNoMirror(pair);
  };
  overwrite(at("big"), [0, 3 * MB, 7 * MB]);
  writeFileSync(at("links/third"), "new by the third name");
  rmSync(at("doomed"), { recursive: true });
  await full();
  // The name by which the content changed goes; directories trade places, and one moves on to a name that was removed.
  unlinkSync(at("links/third"));
  renameSync(at("current"), at("spare"));
  renameSync(at("previous"), at("current"));
  renameSync(at("spare"), at("previous"));
  renameSync(at("moving"), at("doomed"));
  await full();
  linkSync(at("bulk-0"), at("links/bulk"));
  rmSync(at("bulk-1"));
  writeFileSync(at("doomed/deep/3"), "changed where it moved to");
  await full();
  writeFileSync(at("late"), "still in the queue");
  const before = { readBytes: bytesRead(pair.source.ready.pid), sentBytes: (await pair.report()).sentBytes };
  await pair.restartTarget();
  await pair.expectEqual();
  await expectNoMirror(pair);
  const report = await pair.report();
  expect(report).toMatchObject({ targetDataState: "OK", repair: { pending: 0, places: 0, files: 0, bytes: 0, since: null }, reasons: [] });
  expect(report.sentBytes - before.sentBytes).toBeLessThan(3 * 27 * MB);
  expect(bytesRead(pair.source.ready.pid) - before.readBytes).toBeLessThan(UNTOUCHED_BYTES + 27 * MB);
  expect(existsSync(join(pair.source.home, "state", "connections", "1.dirty"))).toBe(false);
});

/** Changes of every kind, more than the queue holds, until the source ends by itself. */
function churn(at: (path: string) => string, round: number, bulk: Bulk): void {
  writeFileSync(at("big"), Buffer.alloc(3 * MB, round));
  for (let i = 0; i < 20; i++) writeFileSync(at(`small-${i}`), `${round} ${i}`);
  mkdirSync(at(`made-${round}/below`), { recursive: true });
  writeFileSync(at(`made-${round}/below/file`), `${round}`);
  if (round > 0) renameSync(at(`made-${round - 1}`), at(`moved-${round - 1}`));
  if (round > 1) rmSync(at(`moved-${round - 2}`), { recursive: true });
  bulk.write();
}

test("the source is killed while places are entered, dropped and repaired, and so is the target", async () => {
  const pair = await pairWithSmallQueue();
  const at = (path: string): string => join(pair.sourceDir, path);
  const bulk = new Bulk(at);
  churn(at, 0, bulk);
  await pair.connect();
  await pair.expectEqual();
  let round = 0;
  await pair.target.stop();
  for (const failpoint of ["dirty.enter.beforeSync", "dirty.pull.beforeDrop:2", "dirty.pull.afterDrop"]) {
    await pair.source.stop();
    pair.source = await pair.source.restart({ failpoint });
    // What the source meets when it begins is no change: again until it is killed.
    for (let isRunning = true; isRunning; isRunning = await Promise.race([pair.source.exited.then(() => false), delay(500)])) churn(at, ++round, bulk);
    expect((await pair.source.exited).signal).toBe("SIGKILL");
    churn(at, ++round, bulk);
    await pair.restartSource();
  }
  churn(at, ++round, bulk);
  await eventually(async () => expect((await pair.report()).repair.places).toBeGreaterThan(0));
  const { places } = (await pair.report()).repair;
  await pair.source.stop();
  // Orderly or not: the places are known again.
  pair.source = await pair.source.restart({ failpoint: "dirty.settle.beforeWrite" });
  await eventually(async () => expect((await pair.report()).repair.places).toBeGreaterThanOrEqual(Math.min(places, 1)));
  pair.target = await pair.target.restart({ failpoint: "apply.set.beforeCursor:40" });
  await Promise.race([pair.target.exited, pair.source.exited]);
  if ((await Promise.race([pair.target.exited, "running"])) !== "running") await pair.restartTarget();
  expect((await pair.source.exited).signal).toBe("SIGKILL");
  churn(at, ++round, bulk);
  await pair.restartSource();
  if ((await Promise.race([pair.target.exited, "running"])) !== "running") await pair.restartTarget();
  await pair.expectEqual();
  await eventually(async () => expect((await pair.report()).repair).toMatchObject({ pending: 0, places: 0 }));
});
