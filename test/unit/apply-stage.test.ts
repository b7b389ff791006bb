// The stage on disk: what is whole is found again, in order; what is torn, damaged, older or of another stream is not.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SetEnding } from "../../src/apply/consistency.js";
import { Stage } from "../../src/apply/stage.js";
import { RECORD_HEADER_BYTES, type StageRecord } from "../../src/apply/stage-format.js";
import { MiB } from "../../src/base/units.js";
import { ENOSPC } from "../../src/fs/errno.js";
import { EPOCH } from "../support/apply-kit.js";
import { LoopImage } from "../support/loop-image.js";

let directory: string;
let stage: Stage;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sm-stage-"));
  stage = open();
});
afterEach(() => {
  stage.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(isSynced = false, bytesMax = 64 * 1024 * 1024): Stage {
  return Stage.open({ stateDirectory: directory, bytesMax, isSynced, applied: { epoch: EPOCH, seq: 0 } });
}

function reopen(isSynced = false): void {
  stage.close();
  stage = open(isSynced);
}

const body = (seq: number, length = 100): Buffer => Buffer.alloc(length, seq);

function record(seq: number, ending: SetEnding, bytes = body(seq), epoch = EPOCH): StageRecord {
  return { seq, afterSeq: seq - 1, epoch, ending, bytes };
}

function put(...records: readonly StageRecord[]): void {
  expect(typeof stage.put(records)).toBe("object");
}

/** Sequence numbers of the groups that are found. */
function found(appliedSeq = 0, epoch = EPOCH): number[][] {
  return stage.leftovers(epoch, appliedSeq).map((group) => group.sets.map(({ seq }) => seq));
}

test("whole groups are found again with their bytes; what has no end is none", () => {
  put(record(1, "closed"), record(2, "none"), record(3, "none"));
  put(record(4, "forced"), record(5, "none"));
  reopen();
  expect(found()).toEqual([[1], [2, 3, 4]]);
  expect(stage.leftovers(EPOCH, 0)[1]?.sets.map(({ ending, place }) => [ending, place.file.read(place)])).toEqual([
    ["none", body(2)],
    ["none", body(3)],
    ["forced", body(4)],
  ]);
  expect([found(1), found(3), found(4)]).toEqual([[[2, 3, 4]], [[2, 3, 4]], []]);
  expect(found(0, "fedcba9876543210")).toEqual([]);
});

test("a record that is only an end ends the group before it", () => {
  put(record(1, "none"), record(2, "none"));
  put({ ...record(2, "limit", Buffer.alloc(0)), afterSeq: 2 }, record(3, "none"));
  reopen();
  expect(stage.leftovers(EPOCH, 0).map((group) => group.sets.map(({ seq, ending }) => [seq, ending]))).toEqual([
    [
      [1, "none"],
      [2, "limit"],
    ],
  ]);
});

test("a group whose predecessor was not applied is not taken, nor what follows it", () => {
  put(record(1, "closed"), { ...record(5, "closed"), afterSeq: 4 }, record(6, "closed"));
  reopen();
  expect([found(), found(4)]).toEqual([[[1]], [[5], [6]]]);
});

test("cut anywhere, or with any byte changed, it gives a beginning of what was put", () => {
  const records = [record(1, "closed"), record(2, "none"), record(3, "closed"), record(4, "closed", body(4, 200_000)), record(5, "closed")];
  put(...records);
  stage.close();
  const path = join(directory, "stage.a");
  const used = records.reduce((sum, { bytes }) => sum + RECORD_HEADER_BYTES + bytes.length, 0);
  const file = readFileSync(path).subarray(0, used);
  const whole = [[1], [2, 3], [4], [5]];
  const counts = new Set<number>();
  const places = Array.from({ length: 300 }, (_, i) => (i < 150 ? i * 5 : i < 200 ? i * 900 : used - 1 - (299 - i) * 3));
  for (const at of places) {
    for (const damaged of [file.subarray(0, at), flipped(file, at)]) {
      writeFileSync(path, damaged);
      stage = open();
      const groups = found();
      expect(groups).toEqual(whole.slice(0, groups.length));
      counts.add(groups.length);
      stage.close();
    }
  }
  expect([...counts].sort()).toEqual([0, 1, 2, 3]);
  writeFileSync(path, file);
  stage = open();
  expect(found()).toEqual(whole);
});

function flipped(file: Buffer, at: number): Buffer {
  const damaged = Buffer.from(file);
  damaged[at] = (damaged[at] as number) ^ 0x55;
  return damaged;
}

test("a rewound file is written from its front, and nothing older shows behind it", () => {
  put(record(1, "closed"), record(2, "closed"), record(3, "closed"));
  stage.settle(2);
  stage.turn();
  put(record(4, "closed"));
  stage.settle(4);
  stage.turn();
  put(record(5, "closed"));
  reopen();
  expect([found(), found(4)]).toEqual([[], [[5]]]);
});

test("it goes on behind what it finds, over a group that had no end", () => {
  put(record(1, "closed"), record(2, "none"), record(3, "none"));
  reopen();
  put(record(2, "closed"));
  put(record(3, "closed"));
  reopen();
  expect(found()).toEqual([[1], [2], [3]]);
});

test("a place that was written in vain is not taken for what is written there later", () => {
  const size = RECORD_HEADER_BYTES + 100;
  const path = join(directory, "stage.a");
  put(record(1, "closed"));
  const before = readFileSync(path);
  put(record(2, "closed"), record(3, "closed"));
  const third = readFileSync(path).subarray(2 * size, 3 * size);
  stage.close();
  writeFileSync(path, before);
  stage = open();
  put({ ...record(4, "closed"), afterSeq: 3 });
  stage.close();
  const file = readFileSync(path);
  third.copy(file, 2 * size);
  writeFileSync(path, file);
  stage = open();
  expect(found(3)).toEqual([[4]]);
});

test("what must be synced stays while the other file is written", () => {
  reopen(true);
  put(record(1, "closed", body(1, 5_000_000)));
  stage.turn();
  put(record(2, "closed"));
  expect(stage.sync()).toBe(0);
  stage.turn();
  put(record(3, "closed"));
  reopen(true);
  expect(found()).toEqual([[1], [2], [3]]);
  stage.settle(3);
  stage.turn();
  put(record(4, "closed"));
  reopen(true);
  expect(found(3)).toEqual([[4]]);
});

test("another stream begins with an empty one", () => {
  put(record(1, "closed"));
  stage.reset();
  put(record(1, "closed", body(9), "fedcba9876543210"));
  reopen();
  expect([found(), found(0, "fedcba9876543210")]).toEqual([[], [[1]]]);
});

test("a full disk gives the errno, and leaves what was there", () => {
  stage.close();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=300k", "tmpfs", directory]);
  try {
    stage = open();
    put(record(1, "closed"));
    expect(stage.put([record(2, "closed", body(2, 1_000_000))])).toBe(-28);
    put(record(3, "closed"));
    reopen();
    expect([found(), found(2)]).toEqual([[[1]], [[3]]]);
    stage.close();
  } finally {
    execFileSync("umount", [directory]);
  }
  stage = open();
});

test.skipIf(process.getuid?.() !== 0)("room is left to what must be written beside it, and given back when the volume is short of it", () => {
  const { path } = LoopImage.open({ type: "tmpfs", sizeMiB: 64 });
  const small = Stage.open({ stateDirectory: path, bytesMax: 1024 * MiB, isSynced: false, applied: { epoch: EPOCH, seq: 0 } });
  const freeMiB = (): number => {
    const { bavail, bsize } = statfsSync(path);
    return (bavail * bsize) / MiB;
  };
  let seq = 0;
  let places: ReturnType<Stage["put"]>;
  do {
    seq += 1;
    places = small.put([record(seq, "closed", body(seq, MiB))]);
  } while (typeof places === "object");
  expect(places).toBe(-ENOSPC);
  expect(freeMiB()).toBeGreaterThanOrEqual(16);
  expect(freeMiB()).toBeLessThan(18);
  writeFileSync(join(path, "of others"), Buffer.alloc(8 * MiB));
  small.settle(seq);
  small.turn();
  expect(freeMiB()).toBeGreaterThan(50);
  expect(typeof small.put([record(seq + 1, "closed")])).toBe("object");
  small.close();
});

test("what was applied is not read again: only what is behind it", () => {
  put(record(1, "closed", body(1, MiB)), record(2, "closed"), record(3, "closed"));
  stage.close();
  // Nobody looks at the bytes of the first any more; a header that is damaged ends it all the same.
  const path = join(directory, "stage.a");
  const bytes = readFileSync(path);
  bytes[RECORD_HEADER_BYTES + 1000] = 99;
  writeFileSync(path, bytes);
  stage = Stage.open({ stateDirectory: directory, bytesMax: MiB, isSynced: false, applied: { epoch: EPOCH, seq: 1 } });
  expect(found(1)).toEqual([[2], [3]]);
  stage.close();
  stage = open();
  expect(found()).toEqual([]);
});
