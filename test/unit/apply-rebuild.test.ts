// A file is made anew beside the one it replaces, and is there wholly or not at all, wherever the target is cut off.

import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Answer, type Change, FROM_PAYLOAD, type RebuildChange, ZEROS } from "../../src/model/change.js";
import { PartsHash, unitBytes } from "../../src/model/parts-hash.js";
import { ApplyKit, bp, EPOCH, file, frame, meta, patch, rename } from "../support/apply-kit.js";

class Cut extends Error {}

const SEED = 7n;
const OLD = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(""));
const BASE = { size: OLD.length, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 };

type Part = readonly [from: number, length: number] | string;

/** One change for each list of parts, and what they make of `old`. */
function rebuildOf(pieces: readonly (readonly Part[])[], old = OLD): { readonly changes: RebuildChange[]; readonly content: Buffer } {
  const hash = new PartsHash(SEED);
  const content: Buffer[] = [];
  const take = (part: Part): number[] => {
    if (typeof part === "string") {
      content.push(Buffer.from(part));
      hash.add(Buffer.from(part));
      return [FROM_PAYLOAD, part.length];
    }
    const [from, length] = part;
    content.push(from === ZEROS ? Buffer.alloc(length) : old.subarray(from, from + length));
    for (let at = 0; from !== ZEROS && at < length; at += unitBytes(from + at, length - at)) {
      hash.add(old.subarray(from + at, from + at + unitBytes(from + at, length - at)));
    }
    return [...part];
  };
  const parts = pieces.map((piece) => piece.flatMap(take));
  const whole = Buffer.concat(content);
  const end = { meta: meta({ mtimeSec: 1_700_000_999, mode: 0o640 }), hash: hash.digest() };
  const changes = pieces.map((piece, i): RebuildChange => {
    const payload = Buffer.from(piece.filter((part) => typeof part === "string").join(""));
    const isLast = i === pieces.length - 1;
    const [base, continues] = [i === 0 ? BASE : null, i > 0];
    return { op: "rebuild", root: 0, path: bp("f"), base, continues, parts: parts[i] ?? [], size: whole.length, seed: SEED, end: isLast ? end : null, payload };
  });
  return { changes, content: whole };
}

const PIECES: readonly (readonly Part[])[] = [
  ["new at the front", [0, 70_000]],
  [[65_000, 80_000], "in the middle", [10, 100_000]],
  [[ZEROS, 9_000], [0, 1], "and the end"],
];

function start(): ApplyKit {
  const kit = new ApplyKit();
  onTestFinished(() => kit.close());
  kit.apply(file("f", OLD));
  return kit;
}

function staleOf(answers: readonly Answer[]): string[] {
  return answers.flatMap((answer) => (answer.kind === "stale" ? [answer.path] : []));
}

test("parts of the file and new ones, overlapping and out of order, in several sets", () => {
  const kit = start();
  const { changes, content } = rebuildOf(PIECES);
  for (const change of changes) {
    expect(readFileSync(kit.path("f")).equals(OLD)).toBe(true);
    expect(kit.apply(change)).toEqual([]);
  }
  expect(readFileSync(kit.path("f")).equals(content)).toBe(true);
  expect(kit.stat("f")).toMatchObject({ mtimeSec: 1_700_000_999, mtimeNsec: 123_456_789, mode: 0o100640, nlink: 1 });
  expect(readdirSync(kit.target)).toEqual(["f"]);
});

test.each(["apply.change.afterIntent", "apply.change.afterDeed", "apply.set.beforeCursor", "apply.change.next"])(
  "cut off at %s, it is whole or as before",
  (point) => {
    for (let n = 1; ; n++) {
      const kit = start();
      const { changes, content } = rebuildOf(PIECES);
      let left = n;
      const onPoint = (at: string): void => {
        if (at === point && --left === 0) throw new Cut();
      };
      kit.reopen({ onPoint });
      kit.engine.begin(EPOCH);
      const answers: Answer[] = [];
      for (let i = 0; i < changes.length; i++) {
        try {
          answers.push(...kit.apply(changes[i] as Change));
        } catch (error) {
          if (!(error instanceof Cut)) throw error;
          kit.seq -= 1;
          kit.reopen();
          kit.engine.begin(EPOCH);
          i -= 1;
        }
      }
      const now = readFileSync(kit.path("f"));
      // Without a word it is the new one; what was lost with the process is said.
      expect(now.equals(staleOf(answers).length > 0 ? OLD : content)).toBe(true);
      expect(readdirSync(kit.target)).toEqual(["f"]);
      if (left > 0) return;
    }
  },
);

test("killed with both names there, the step is completed", () => {
  const kit = start();
  const { changes, content } = rebuildOf([["all new"]]);
  kit.reopen({
    onPoint: (at) => {
      if (at === "apply.change.afterDeed") throw new Cut();
    },
  });
  kit.engine.begin(EPOCH);
  expect(() => kit.apply(...changes)).toThrow(Cut);
  // As it is before the last call of the step.
  renameSync(kit.path("f"), kit.path(`.sm-rebuild-${kit.stat("f").ino}`));
  writeFileSync(kit.path("f"), OLD);
  kit.reopen();
  kit.engine.begin(EPOCH);
  expect(kit.engine.applySet(frame(kit.seq, changes))).toMatchObject({ kind: "applied", answers: [] });
  expect(readFileSync(kit.path("f")).equals(content)).toBe(true);
  expect(readdirSync(kit.target)).toEqual(["f"]);
});

test.each(["report", "remove"] as const)(
  "killed with both names there, and never asked to complete it: the next comparison that may %s has it gone",
  (extras) => {
    const kit = start();
    const passing = `.sm-rebuild-${kit.stat("f").ino}`;
    renameSync(kit.path("f"), kit.path(passing));
    writeFileSync(kit.path("f"), OLD);
    // Somebody's file that only looks like it.
    writeFileSync(kit.path(".sm-rebuild-1"), "");
    const compare = { op: "compare", root: 0, path: bp(""), entries: [], from: "", until: "", extras, meta: null, asksShared: false } as const;
    kit.apply({ ...compare, asksFound: true });
    expect(readdirSync(kit.target)).toContain(passing);
    kit.apply(compare);
    expect(readdirSync(kit.target)).toEqual(extras === "report" ? [".sm-rebuild-1", "f"] : []);
  },
);

const INTRUSIONS: readonly (readonly [string, (kit: ApplyKit) => void])[] = [
  ["is written to", (kit) => writeFileSync(kit.path("f"), "x", { flag: "r+" })],
  ["is written to, its times put back", (kit) => spoil(kit)],
  ["gets another mode", (kit) => chmodSync(kit.path("f"), 0o600)],
  ["gets a second name", (kit) => linkSync(kit.path("f"), kit.path("g"))],
  ["is replaced", (kit) => replace(kit)],
  ["is removed", (kit) => unlinkSync(kit.path("f"))],
  ["becomes a link", (kit) => beLink(kit)],
  ["is patched by a set between", (kit) => void kit.apply(patch("f", BASE, [[5, "patched"]], OLD.length, meta()))],
  ["is renamed and back by sets between", (kit) => void kit.apply(rename("f", "g"), rename("g", "f"))],
];

function spoil(kit: ApplyKit): void {
  const { mtimeSec } = kit.stat("f");
  writeFileSync(kit.path("f"), "x", { flag: "r+" });
  utimesSync(kit.path("f"), mtimeSec, mtimeSec);
}

function replace(kit: ApplyKit): void {
  writeFileSync(kit.path("other"), OLD);
  renameSync(kit.path("other"), kit.path("f"));
}

function beLink(kit: ApplyKit): void {
  mkdirSync(kit.path("away"));
  renameSync(kit.path("f"), kit.path("away/f"));
  symlinkSync("away/f", kit.path("f"));
}

test.each(INTRUSIONS)("the file %s meanwhile: stale, and left as it is", (_what, intrude) => {
  const kit = start();
  const { changes } = rebuildOf(PIECES);
  kit.apply(changes[0] as Change);
  intrude(kit);
  const before = readdirSync(kit.target);
  const answers = changes.slice(1).flatMap((change) => kit.apply(change));
  expect(staleOf(answers)).toContain("f");
  expect(readdirSync(kit.target)).toEqual(before);
});

test("what is read of the file is not what the source had found there: stale", () => {
  const kit = start();
  const other = Buffer.from(OLD);
  other.write("X", 100);
  const { changes } = rebuildOf([[[0, 1000], "new"]], other);
  expect(staleOf(kit.apply(...changes))).toEqual(["f"]);
  expect(readFileSync(kit.path("f")).equals(OLD)).toBe(true);
});

test.each([
  ["beyond its end", [[[OLD.length - 10, 20]]] as const],
  ["of another base", [[[0, 10]]] as const],
])("copied %s: stale", (what, pieces) => {
  const kit = start();
  const { changes } = rebuildOf(pieces, Buffer.concat([OLD, Buffer.alloc(100)]));
  const [change] = changes as [RebuildChange];
  const sent = what === "of another base" ? { ...change, base: { ...BASE, mtimeSec: 5 } } : change;
  expect(staleOf(kit.apply(sent))).toEqual(["f"]);
});

test("an index tells blocks, and whether the file could be rebuilt", () => {
  const kit = start();
  const ask = (path: string): Answer | undefined => kit.apply({ op: "index", root: 0, path: bp(path), blockBytes: 65_536, ranges: [0, 2 ** 32] })[0];
  expect(ask("f")).toMatchObject({ kind: "index", base: BASE, canRebuild: true, entries: { length: 12 * Math.ceil(OLD.length / 65_536) } });
  linkSync(kit.path("f"), kit.path("g"));
  expect(ask("f")).toMatchObject({ base: BASE, canRebuild: false });
  expect(ask("missing")).toMatchObject({ base: null, canRebuild: false });
  mkdirSync(join(kit.target, "d"));
  expect(ask("d")).toMatchObject({ base: null });
});
