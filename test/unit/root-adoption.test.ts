// The directories that a restore made anew become those of all connections of the set, whenever the agent is killed meanwhile.

import { expect, test } from "vitest";
import { adoptionsOf, adoptRoots } from "../../src/agent/root-adoption.js";
import { silentLog } from "../../src/base/log.js";
import { type ConnectionRecord, connectionRecordSchema } from "../../src/connection/connection-record.js";

const rootOf = (ino: number) => [{ path: "/data", fsid: "f", ino, btime: "1.0" }];
const [LOST, NEW] = [rootOf(1), rootOf(2)];

function recordOf(id: number, part: Partial<ConnectionRecord> = {}): ConnectionRecord {
  return connectionRecordSchema.parse({
    ...{ id, key: "k", repset: "data", peer: "B", mappings: [{ source: "/data", target: "/copy" }], options: {}, createdAt: "", roots: LOST, epoch: "" },
    ...{ durableSeq: 0, mirrorNeed: null, wasMirrored: true, cleanUntilMs: 0, ...part },
  });
}

const BEFORE = [recordOf(1), recordOf(2, { adopts: NEW, restore: null }), recordOf(3), recordOf(4, { repset: "other" })];

test("wherever it was cut short, the next start completes it: all have the new directory, and no other target loses a name", () => {
  for (let cut = 0; cut <= adoptionsOf(BEFORE).length; cut++) {
    const disk = new Map(BEFORE.map((record) => [record.id, record]));
    for (const record of adoptionsOf(BEFORE).slice(0, cut)) disk.set(record.id, record);
    const taken = adoptRoots(
      [...disk.values()],
      { save: (record) => disk.set(record.id, connectionRecordSchema.parse(JSON.parse(JSON.stringify(record)))) },
      silentLog,
    );
    expect(
      taken.map(({ id }) => id),
      `cut ${cut}`,
    ).toEqual([1, 2, 3, 4]);
    for (const records of [taken, [...disk.values()]]) {
      expect(records.map(({ roots }) => roots[0]?.ino)).toEqual([2, 2, 2, 1]);
      expect(records.map(({ mirrorNeed }) => mirrorNeed?.extras)).toEqual(["report", undefined, "report", undefined]);
      expect(records.every(({ adopts }) => adopts == null)).toBe(true);
    }
  }
});

test("what cannot be written holds for this run, and is done again at the next start", () => {
  const disk = new Map(BEFORE.map((record) => [record.id, record]));
  const full = (): never => {
    throw new Error("no space left");
  };
  expect(adoptRoots([...disk.values()], { save: full }, silentLog).map(({ roots }) => roots[0]?.ino)).toEqual([2, 2, 2, 1]);
  expect(disk.get(2)?.adopts).toEqual(NEW);
});

test("nothing is written where no directory was made anew", () => {
  expect(adoptionsOf([recordOf(1), recordOf(2, { adopts: null })])).toEqual([]);
});
