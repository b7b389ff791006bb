// Random streams, lost at random crash points: with nobody connected, the next start brings the target to the end of a
// group, never between; and delivered again from there, to the end of the stream.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Change } from "../../src/model/change.js";
import { ApplyKit, dir, file, frame, link, meta, patch, remove, rename, snapshot } from "../support/apply-kit.js";
import { HostKit, Lost, liveSet, type SetKind } from "../support/host-kit.js";

const name = fc.constantFrom("a", "b", "c", "d");
const path = fc.oneof(
  name,
  fc.tuple(name, name).map((parts) => parts.join("/")),
);
const time = fc.integer({ min: 1, max: 4 });

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(path, fc.string({ maxLength: 9 }), time).map(([at, text, mtimeSec]) => file(at, text, { mtimeSec })) },
  { weight: 2, arbitrary: path.map((at) => dir(at)) },
  { weight: 3, arbitrary: fc.tuple(path, path, fc.constantFrom("file" as const, "dir" as const)).map(([from, to, type]) => rename(from, to, type)) },
  { weight: 2, arbitrary: fc.tuple(path, path).map(([at, to]) => link(at, to)) },
  { weight: 2, arbitrary: path.map((at) => remove(at)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(path, time, fc.nat(9))
      .map(([at, sec, size]) => patch(at, { size, mtimeSec: sec, mtimeNsec: 123_456_789 }, [[0, "patched"]], Math.max(size, 7), meta({ mtimeSec: sec + 4 }))),
  },
);

interface Set {
  readonly kind: SetKind;
  readonly changes: readonly Change[];
}

const group: fc.Arbitrary<Set[]> = fc
  .tuple(
    fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 4 }),
    fc.array(change, { maxLength: 3 }),
    fc.constantFrom("closed" as const, "forced" as const),
  )
  .map(([open, last, kind]) => [...open.map((changes): Set => ({ kind: "open", changes })), { kind, changes: last }]);
const groups = fc.array(group, { minLength: 1, maxLength: 5 });

interface Crash {
  /** Crash points that are passed before. */
  readonly after: number;
  /** Sets that are sent before they are worked off together. */
  readonly batch: number;
}
const crash: fc.Arbitrary<Crash> = fc.record({ after: fc.integer({ min: 1, max: 40 }), batch: fc.integer({ min: 1, max: 6 }) });

/** The tree after each group, by the number of the group's last set; 0 = none. */
function statesOf(list: readonly Set[][]): Map<number, Record<string, string>> {
  const kit = new ApplyKit();
  try {
    const states = new Map([[0, snapshot(kit.target)]]);
    let seq = 0;
    for (const sets of list) {
      for (const { changes } of sets) expect(kit.engine.applySet(frame(++seq, changes)).kind).toBe("applied");
      states.set(seq, snapshot(kit.target));
    }
    return states;
  } finally {
    kit.close();
  }
}

function sendFrom(kit: HostKit, frames: readonly Buffer[], from: number, batch: number): void {
  for (let at = from; at < frames.length; at += batch) if (!kit.sendSets(...frames.slice(at, at + batch))) return;
}

function runLost(kit: HostKit, frames: readonly Buffer[], { after, batch }: Crash, isSynced: boolean): void {
  let left = after;
  const onPoint = (): void => {
    if (--left <= 0) throw new Lost("lost");
  };
  if (kit.open({ onPoint, isSynced, bytesMax: 4000 })) sendFrom(kit, frames, kit.begin(), batch);
  expect([null, "lost"]).toContain(kit.failure);
}

test("lost at any crash point, the next start alone ends at the end of a group", () => {
  fc.assert(
    fc.property(groups, fc.array(crash, { minLength: 1, maxLength: 4 }), fc.boolean(), (list, crashes, isSynced) => {
      const states = statesOf(list);
      const frames = list.flat().map(({ kind, changes }, index) => liveSet(index + 1, kind, changes));
      const kit = new HostKit();
      try {
        let reached = 0;
        for (const one of crashes) {
          runLost(kit, frames, one, isSynced);
          expect(kit.open({ isSynced })).toBe(true);
          expect([...states.keys()]).toContain(kit.appliedSeq);
          expect(kit.appliedSeq).toBeGreaterThanOrEqual(reached);
          reached = kit.appliedSeq;
          expect(snapshot(kit.target)).toEqual(states.get(reached));
        }
        sendFrom(kit, frames, kit.begin(), 3);
        expect(kit.failure).toBeNull();
        expect(snapshot(kit.target)).toEqual(states.get(frames.length));
      } finally {
        kit.close();
      }
    }),
    { numRuns: 250 },
  );
});
