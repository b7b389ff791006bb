// The dirty map against a plain list of everything that was ever marked: whatever it joins, nothing that was marked and not
// repaired since is missing; and its file gives the same map again, up to the last whole frame.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { DirtyBook } from "../../src/journal/dirty-book.js";
import { type DirtyStep, decodeDirty, encodeDirtyFrame, encodeDirtyHeader } from "../../src/journal/dirty-format.js";
import { type DirtyLimits, DirtyMap, type DirtyMark } from "../../src/journal/dirty-map.js";
import { type BytePath, isBelow, parentPath } from "../../src/model/byte-path.js";
import type { Change, Meta } from "../../src/model/change.js";
import { encodeChangeSet } from "../../src/model/change-set.js";
import type { DirtyPlace } from "../../src/model/dirty-place.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const LIMITS: DirtyLimits = { placesMax: 12, nodesMax: 40, pathBytesMax: 120, entriesPerDirectoryMax: 3 };
const RUNS = { numRuns: 400 };

const name = fc.constantFrom("a", "b", "c", "d", "long-name", "\xff");
const path = fc.array(name, { maxLength: 4 }).map((names) => names.join("/") as BytePath);
const below = path.filter((at) => at !== "");
const place = fc.record({ root: fc.nat(1), path, level: fc.constantFrom("entry" as const, "names" as const, "tree" as const), thorough: fc.boolean() });
const mark = place.map((one): DirtyMark => ({ ...one, thorough: one.thorough && one.level === "tree", files: 1, bytes: 10 }));
type Step =
  | { readonly kind: "mark"; readonly mark: DirtyMark }
  | { readonly kind: "move"; readonly root: number; readonly from: BytePath; readonly to: BytePath }
  | { readonly kind: "take" | "settle" | "release" };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: mark.map((one) => ({ kind: "mark" as const, mark: one })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("move" as const), root: fc.nat(1), from: below, to: below }) },
  { weight: 2, arbitrary: fc.constantFrom({ kind: "take" as const }, { kind: "settle" as const }, { kind: "release" as const }) },
);

/** One name, and whether what is below it is meant. */
function includes(cover: DirtyPlace, wanted: DirtyPlace): boolean {
  if (cover.root !== wanted.root) return false;
  if (cover.level === "tree") return isBelow(wanted.path, cover.path) && (cover.thorough || !wanted.thorough);
  if (wanted.level === "tree") return false;
  if (cover.path === wanted.path) return cover.level === "names" || wanted.level === "entry";
  return cover.level === "names" && wanted.level === "entry" && wanted.path !== "" && parentPath(wanted.path) === cover.path;
}

/** Everything that must be in the map: marks, with the number of the last batch taken before them. */
class Model {
  readonly owed: { readonly place: DirtyPlace; readonly since: number }[] = [];

  add(one: DirtyPlace, since: number): void {
    this.owed.push({ place: one, since });
  }

  move(root: number, from: BytePath, to: BytePath, since: number): void {
    for (const { place: old } of [...this.owed]) {
      if (old.root !== root) continue;
      if (isBelow(old.path, from)) this.add({ ...old, path: `${to}${old.path.slice(from.length)}` as BytePath }, since);
      else if (old.level === "tree" && isBelow(from, old.path)) this.add({ ...old, path: to }, since);
      else if (old.level === "names" && parentPath(from) === old.path) this.add({ ...old, path: to, level: "entry" }, since);
    }
  }

  /** A batch with these places is repaired: what it covered is good, unless it was marked after it was taken. */
  settle(places: readonly DirtyPlace[], id: number): void {
    for (const one of [...this.owed]) {
      if (one.since < id && places.some((cover) => includes(cover, one.place))) this.owed.splice(this.owed.indexOf(one), 1);
    }
  }
}

test("nothing that was marked and not repaired is ever missing, and it stays within its limits", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const map = new DirtyMap(LIMITS);
      const model = new Model();
      const taken: { id: number; places: readonly DirtyPlace[] }[] = [];
      let last = 0;
      for (const one of steps) {
        if (one.kind === "mark") {
          map.mark(one.mark);
          model.add(one.mark, last);
        } else if (one.kind === "move") {
          map.follow(one.root, one.from, one.to);
          model.move(one.root, one.from, one.to, last);
        } else if (one.kind === "take") {
          const batch = map.take(3);
          if (batch !== null) {
            last = batch.id;
            taken.push(batch);
          }
        } else {
          const batch = taken.shift();
          if (batch === undefined) continue;
          if (one.kind === "release") map.release(batch.id);
          else {
            map.settle(batch.id);
            model.settle(batch.places, batch.id);
          }
        }
        const all = [...map.all()];
        for (const { place: owed } of model.owed) {
          expect(
            all.some((cover) => includes(cover, owed)),
            `${JSON.stringify(owed)} in ${JSON.stringify(all)}`,
          ).toBe(true);
        }
        expect(all.length).toBe(map.size);
        expect(all.length).toBeLessThanOrEqual(LIMITS.placesMax);
        expect(all.reduce((sum, { files }) => sum + files, 0)).toBe(map.files);
        expect(all.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(map.bytes);
      }
    }),
    RUNS,
  );
});

test("every place is taken, settled, and then nothing is left", () => {
  fc.assert(
    fc.property(fc.array(mark, { maxLength: 60 }), (marks) => {
      const map = new DirtyMap(LIMITS);
      for (const one of marks) map.mark(one);
      if (marks.length > 0) map.markLinks();
      for (let batch = map.take(3); batch !== null; batch = map.take(3)) map.settle(batch.id);
      expect([map.isEmpty, map.files, map.bytes]).toEqual([true, 0, 0]);
    }),
    RUNS,
  );
});

const META: Meta = { mode: 0o644, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0, xattrs: [] };
const change: fc.Arbitrary<Change> = fc.oneof(
  below.map((at): Change => ({ op: "remove", root: 0, path: at })),
  path.map((at): Change => ({ op: "dir", root: 0, path: at, meta: META })),
  fc.tuple(below, below).map(([from, to]): Change => ({ op: "rename", root: 0, path: from, to, type: "dir" })),
  fc.tuple(below, below).map(([at, to]): Change => ({ op: "link", root: 0, path: at, to })),
);
const setOf = (changes: readonly Change[]): Buffer => encodeChangeSet({ seq: 1, sourceTimeMs: 1, closed: true, mirror: false, changes });
const contentOf = (book: DirtyBook): string[] =>
  book
    .places()
    .map((one) => JSON.stringify(one))
    .sort();

const dir = (at: BytePath): Change => ({ op: "dir", root: 0, path: at, meta: META });
const moved = (from: string, to: string): Change => ({ op: "rename", root: 0, path: from as BytePath, to: to as BytePath, type: "dir" });
const linked = (at: string, to: string): Change => ({ op: "link", root: 0, path: at as BytePath, to: to as BytePath });
/** Was joined in another order by the replay than by the run before it. */
const JOINED_AFTER_OPEN: (Change[] | "settle")[] = [
  [moved("b", "a/a/a"), moved("b", "a/a/b"), linked("d", "a"), { op: "remove", root: 0, path: "c/a" as BytePath }],
  [dir("" as BytePath), moved("d/a/a", "c/a"), moved("c/\xff", "\xff/a"), moved("\xff/c", "c/d"), moved("d", "a/a/\xff")],
];

test("a book is the same after it was opened again, whatever was entered and repaired", () => {
  const directory = makeTempDirectory();
  let run = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.array(change, { minLength: 1, maxLength: 5 }), fc.constant("settle" as const)), { maxLength: 20 }), (steps) => {
      const options = { path: join(directory, `${++run}.dirty`), connectionId: 1, log: silentLog, limits: LIMITS };
      const book = DirtyBook.open(options);
      for (const one of steps) {
        if (one !== "settle") book.enter(setOf(one));
        else book.settle(book.take(4)?.id ?? 0);
        book.tick();
      }
      book.close();
      const again = DirtyBook.open(options);
      expect(contentOf(again)).toEqual(contentOf(book));
      expect([again.isEmpty, again.damage]).toEqual([book.isEmpty, null]);
      again.close();
    }),
    { numRuns: 60, examples: [[JOINED_AFTER_OPEN]] },
  );
});

describe("a damaged file", () => {
  const header = encodeDirtyHeader(7, Buffer.alloc(8, 5));
  const frames: Buffer[] = [];
  const bounds: number[] = [header.length];
  for (let i = 0; i < 3; i++) {
    const steps: DirtyStep[] = [{ kind: "mark", mark: { root: 0, path: `f${i}` as BytePath, level: "entry", thorough: false, files: 1, bytes: i } }];
    const frame = encodeDirtyFrame(steps, header, bounds.at(-1) as number);
    frames.push(frame);
    bounds.push((bounds.at(-1) as number) + frame.length);
  }
  const file = Buffer.concat([header, ...frames]);

  test("cut anywhere: the whole frames before, and the rest is torn", () => {
    for (let length = header.length; length <= file.length; length++) {
      const { steps, damage } = decodeDirty(file.subarray(0, length), 7);
      const whole = bounds.filter((bound) => bound <= length).length - 1;
      expect([steps.length, damage]).toEqual([whole, bounds.includes(length) ? null : "torn"]);
    }
  });

  test("a flipped byte: never another place, and damage is said unless it is in the last frame", () => {
    for (let at = 0; at < file.length; at++) {
      const bad = Buffer.from(file);
      bad[at] = (bad[at] as number) ^ 0x41;
      if (at < header.length) expect(() => decodeDirty(bad, 7)).toThrow();
      else {
        const { steps, damage } = decodeDirty(bad, 7);
        const hit = bounds.findIndex((bound) => bound > at) - 1;
        expect([steps.length, damage]).toEqual([hit, hit < 2 ? "corrupt" : "torn"]);
      }
    }
  });

  test("the book says what it does not know", () => {
    const path = join(makeTempDirectory(), "7.dirty");
    const bad = Buffer.from(file);
    bad[bounds[0] as number] = 0;
    writeFileSync(path, bad);
    expect(DirtyBook.open({ path, connectionId: 7, log: silentLog }).damage).toContain("damaged");
    expect(readFileSync(path).length).toBe(file.length);
  });
});
