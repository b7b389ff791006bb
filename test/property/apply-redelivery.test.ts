// Any sequence of changes gives the same tree, whether applied at one go or cut short anywhere and delivered again.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Change } from "../../src/model/change.js";
import { ApplyKit, bp, dir, EPOCH, file, frame, link, meta, patch, remove, rename, snapshot, symlink } from "../support/apply-kit.js";

class Cut extends Error {}

const name = fc.constantFrom("a", "b", "c");
const path = fc.oneof(
  { weight: 3, arbitrary: name },
  { weight: 2, arbitrary: fc.tuple(name, name).map((p) => p.join("/")) },
  { weight: 1, arbitrary: fc.tuple(name, name, name).map((p) => p.join("/")) },
);
const time = fc.integer({ min: 1, max: 5 });
const text = fc.string({ maxLength: 12 });

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(path, text, time).map(([p, t, sec]) => file(p, t, { mtimeSec: sec })) },
  { weight: 4, arbitrary: path.map((p) => dir(p)) },
  { weight: 3, arbitrary: fc.tuple(path, path, fc.constantFrom("file" as const, "dir" as const)).map(([a, b, type]) => rename(a, b, type)) },
  { weight: 2, arbitrary: fc.tuple(path, path).map(([a, b]) => link(a, b)) },
  { weight: 2, arbitrary: path.map((p) => remove(p)) },
  { weight: 1, arbitrary: fc.tuple(path, path).map(([a, b]) => symlink(a, b)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(path, text, time, time, fc.nat(12))
      .map(([p, t, from, to, size]) =>
        patch(p, { size, mtimeSec: from, mtimeNsec: 123_456_789 }, [[0, t]], Math.max(size, Buffer.byteLength(t)), meta({ mtimeSec: to + 5 })),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(path, time)
      .map(([p, sec]): Change => ({ op: "attr", root: 0, path: bp(p), type: "file", base: null, meta: meta({ mode: 0o600, mtimeSec: sec }) })),
  },
  { weight: 1, arbitrary: path.map((p): Change => ({ op: "special", root: 0, path: bp(p), kind: "fifo", major: 0, minor: 0, meta: meta() })) },
);

const sets = fc.array(fc.array(change, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 });

/** Applies all sets; the `cuts` say after how many more points the engine is lost each time. */
function applyCut(kit: ApplyKit, list: readonly (readonly Change[])[], cuts: readonly number[]): void {
  const pending = [...cuts];
  let left = pending.shift() ?? Number.POSITIVE_INFINITY;
  const onPoint = (): void => {
    left -= 1;
    if (left > 0) return;
    left = pending.shift() ?? Number.POSITIVE_INFINITY;
    throw new Cut();
  };
  kit.reopen({ onPoint });
  for (let seq = 1; seq <= list.length; ) {
    try {
      kit.engine.begin(EPOCH);
      const outcome = kit.engine.applySet(frame(seq, list[seq - 1] ?? []));
      expect(outcome.kind).not.toBe("blocked");
      seq += 1;
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      kit.reopen({ onPoint });
      seq = kit.engine.appliedSeq + 1;
    }
  }
}

test("cut anywhere and delivered again, the tree is the same", () => {
  fc.assert(
    fc.property(sets, fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 5 }), (list, cuts) => {
      const [whole, cut] = [new ApplyKit(), new ApplyKit()];
      try {
        for (const [i, changes] of list.entries()) whole.engine.applySet(frame(i + 1, changes));
        applyCut(cut, list, cuts);
        expect(snapshot(cut.target)).toEqual(snapshot(whole.target));
      } finally {
        whole.close();
        cut.close();
      }
    }),
    { numRuns: 250 },
  );
});
