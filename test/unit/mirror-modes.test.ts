// Which files a mirror sends, by what a person asked of it: the table of the HP guide p. 10-2, on real files.

import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { MirrorNeed } from "../../src/connection/connection-record.js";
import { mergeNeeds, needAfter, needByHand } from "../../src/connection/resume-plan.js";
import { isLeftAlone } from "../../src/jobs/left-alone.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { contradictionIn, type MirrorWish } from "../../src/model/mirror-wish.js";
import { compareTrees } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { payloadBytes, SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const SMALL = 1000;
const LARGE = 1024 * 1024;
const DATE = 1_700_000_000;
const BLOCK = 64 * 1024;

/** Of the target's file, seen from the source's: its size, its date, its content. */
const CASES = ["same", "other"].flatMap((size) =>
  ["same", "older", "newer"].flatMap((date) => (size === "same" ? ["same", "other"] : ["other"]).map((content) => ({ size, date, content }))),
);
const nameOf = (it: { readonly size: string; readonly date: string; readonly content: string }): string => `${it.size}-${it.date}-${it.content}`;

interface Outcome {
  readonly left: readonly string[];
  readonly sent: number;
  readonly told: readonly string[];
}

function plant(root: string, target: string): void {
  for (const kind of ["small", "large"]) {
    const bytes = kind === "small" ? SMALL : LARGE;
    for (const directory of [root, target]) mkdirSync(join(directory, kind), { recursive: true });
    for (const it of CASES) {
      const content = Buffer.alloc(bytes, "s");
      const [here, there] = [join(root, kind, nameOf(it)), join(target, kind, nameOf(it))];
      writeFileSync(here, content);
      utimesSync(here, DATE, DATE);
      if (it.content === "other") content.write("damaged");
      writeFileSync(there, it.size === "same" ? content : content.subarray(0, bytes - 1));
      const date = it.date === "same" ? DATE : it.date === "older" ? DATE - 10 : DATE + 10;
      utimesSync(there, date, date);
    }
  }
}

async function mirrored(wish: Omit<MirrorWish, "mode">): Promise<Outcome> {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  plant(root, target);
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  await kit.mirror("difference", "report", "none", wish);
  const left = CASES.flatMap((it) => ["small", "large"].map((kind) => join(kind, nameOf(it)))).filter(
    (path) => !readFileSync(join(root, path)).equals(readFileSync(join(target, path))),
  );
  const emitted = kit.events.flatMap((event) => (event.kind === "mirrorEmitted" ? [event.counts] : []))[0];
  expect(emitted).toMatchObject({ filesDone: 2 * CASES.length, leftAlone: emitted?.leftAloneNames.length });
  return { left: left.sort(), sent: payloadBytes(kit.sets.flatMap(({ changes }) => changes)), told: [...(emitted?.leftAloneNames ?? [])].sort() };
}

const both = (...names: readonly string[]): string[] => names.flatMap((name) => [`small/${name}`, `large/${name}`]);

/** Bytes of small files sent whole, and blocks of large ones. */
const sentOf = (smallFiles: number, blocks: number): number => smallFiles * SMALL + blocks * BLOCK;

// Of the nine, seven look different, and five of those differ in content: two in one block, three in the last as well.
const HIDDEN = both("same-same-other");
const NOT_NEWER = both("same-newer-same", "same-newer-other", "other-same-other", "other-newer-other").sort();
const TABLE: readonly { readonly wish: Omit<MirrorWish, "mode">; readonly left: readonly string[]; readonly told: readonly string[]; readonly sent: number }[] =
  [
    { wish: { content: "times", newerOnly: false }, left: HIDDEN, told: [], sent: sentOf(7, 8) },
    { wish: { content: "checksum", newerOnly: false }, left: HIDDEN, told: [], sent: sentOf(5, 8) },
    { wish: { content: "checksum-all", newerOnly: false }, left: [], told: [], sent: sentOf(6, 9) },
    { wish: { content: "times", newerOnly: true }, left: [...HIDDEN, ...NOT_NEWER], told: NOT_NEWER, sent: sentOf(3, 3) },
    { wish: { content: "checksum", newerOnly: true }, left: [...HIDDEN, ...NOT_NEWER], told: NOT_NEWER, sent: sentOf(2, 3) },
  ];

test.each(TABLE)("$wish", async ({ wish, left, told, sent }) => {
  const outcome = await mirrored(wish);
  // Whose content is the same is left alone as well, and not to be told from the others by it.
  expect(outcome).toEqual({ left: left.filter((path) => !path.endsWith("-same")).sort(), told, sent });
});

test("a file that shares its inode on the target is made anew when its content differs in secret", async () => {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  for (const path of [root, target]) mkdirSync(path);
  for (const name of ["a", "b"]) {
    writeFileSync(join(root, name), Buffer.alloc(LARGE, name));
    utimesSync(join(root, name), DATE, DATE);
  }
  writeFileSync(join(target, "a"), Buffer.alloc(LARGE, "b"));
  linkSync(join(target, "a"), join(target, "b"));
  utimesSync(join(target, "a"), DATE, DATE);
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  await kit.mirror("difference", "report", "none", { content: "checksum-all" });
  await kit.settle();
  expect(await compareTrees(root, target)).toEqual([]);
  expect(readFileSync(join(target, "a"), "latin1")).toBe("a".repeat(LARGE));
  expect(readFileSync(join(target, "b"), "latin1")).toBe("b".repeat(LARGE));
  const before = kit.sets.length;
  await kit.mirror("difference", "report", "none", { content: "checksum-all" });
  expect(kit.sets.slice(before).flatMap(({ changes }) => changes.map(({ op }) => op))).toEqual(expect.not.arrayContaining(["file", "link", "attr"]));
});

for (const mode of ["full", "difference"] as const) {
  test(`some places only, ${mode}: what is below them is as on the source, all else as it was; hard links stay whole`, async () => {
    const directory = makeTempDirectory();
    const [root, target] = [join(directory, "source"), join(directory, "target")];
    for (const path of ["in/deep/place", "out"]) mkdirSync(join(root, path), { recursive: true });
    for (const path of ["in/deep/place/a", "in/deep/b", "out/c"]) writeFileSync(join(root, path), "four");
    linkSync(join(root, "in/deep/place/a"), join(root, "out/a"));
    await pastRacy();
    const kit = SourceKit.start({ root, target });
    await kit.mirror("full");
    for (const path of ["in/deep/place/a", "in/deep/b", "out/c"]) writeFileSync(join(target, path), "foreign");
    rmSync(join(target, "out/a"));
    linkSync(join(target, "out/c"), join(target, "out/a"));
    await kit.mirror(mode, "remove", "none", { places: [{ root: 0, path: "in/deep/place" as BytePath }] });
    await kit.settle();
    const read = (path: string): string => readFileSync(join(target, path), "utf8");
    expect(["in/deep/place/a", "in/deep/b", "out/c"].map(read)).toEqual(["four", "foreign", "foreign"]);
    const inodeOf = (path: string): number => statSync(join(target, path)).ino;
    expect(inodeOf("out/a")).toBe(inodeOf("in/deep/place/a"));
    await kit.mirror("difference");
    await kit.settle();
    expect(await compareTrees(root, target)).toEqual([]);
  });
}

describe("who is left alone", () => {
  const source = { size: 10, mtimeSec: 100, mtimeNsec: 5 };
  const cases = [
    { target: { size: 10, mtimeSec: 100, mtimeNsec: 5 }, left: false },
    { target: { size: 11, mtimeSec: 100, mtimeNsec: 5 }, left: true },
    { target: { size: 10, mtimeSec: 100, mtimeNsec: 4 }, left: false },
    { target: { size: 10, mtimeSec: 100, mtimeNsec: 6 }, left: true },
    { target: { size: 10, mtimeSec: 99, mtimeNsec: 9 }, left: false },
    { target: { size: 10, mtimeSec: 101, mtimeNsec: 0 }, left: true },
  ];
  test.each(cases)("$target", ({ target, left }) => {
    expect(isLeftAlone("file", source, { ...target, mode: 0o644 })).toBe(left);
    expect(isLeftAlone("dir", source, { ...target, mode: 0o644 })).toBe(false);
  });

  test("nothing that is not there", () => {
    expect(isLeftAlone("file", source, undefined)).toBe(false);
    expect(isLeftAlone("file", null, { ...source, mode: 0 })).toBe(false);
  });
});

test("wishes that contradict each other are known, with the reason", () => {
  const wishes = (["full", "difference"] as const).flatMap((mode) =>
    (["times", "checksum", "checksum-all"] as const).flatMap((content) => [false, true].map((newerOnly) => ({ mode, content, newerOnly }))),
  );
  const refused = wishes.filter((wish) => contradictionIn(wish) !== null).map(({ mode, content, newerOnly }) => `${mode} ${content} ${newerOnly}`);
  expect(refused).toEqual([
    "full times true",
    "full checksum false",
    "full checksum true",
    "full checksum-all false",
    "full checksum-all true",
    "difference checksum-all true",
  ]);
});

describe("what is owed", () => {
  const owed: MirrorNeed = {
    reason: "queue",
    message: "",
    since: "2030",
    mode: "difference",
    extras: "remove",
    changedSinceMs: 77,
    isAutomatic: false,
  };
  const newer = { mode: "difference", content: "times", newerOnly: true } as const;

  test("by hand: what had to be compared still has to be", () => {
    expect(needByHand(owed, newer, "2031")).toMatchObject({ ...newer, extras: "remove", changedSinceMs: 77, isAutomatic: true });
  });

  test("with another need: the stronger of both", () => {
    const merged = mergeNeeds(needByHand(owed, { ...newer, content: "checksum" }, "2031"), owed);
    expect(merged).toMatchObject({ content: "checksum", newerOnly: false, changedSinceMs: 77 });
  });

  test("what was left alone is still owed, but not begun by itself", () => {
    const need = needByHand(owed, newer, "2031");
    expect(needAfter(need, 0, "2032")).toBeNull();
    expect(needAfter(need, 3, "2032")).toMatchObject({ newerOnly: false, changedSinceMs: 77, extras: "remove", isAutomatic: false, since: "2032" });
    expect(needAfter(need, 3, "2032")?.message).toMatch(/^3 files were left alone/);
  });
});

test.each([
  { content: "checksum-all", newerOnly: false },
  { content: "times", newerOnly: true },
] as const)("%o: what the source lost goes, what others put on the target stays, then and later", async (wish) => {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  for (const [place, name] of [
    [root, "a"],
    [root, "b"],
    [target, "theirs"],
  ] as const) {
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, name), "four");
  }
  await pastRacy();
  const kit = SourceKit.start({ root, target, reaches: ({ changes }) => !changes.some(({ op }) => op === "remove") });
  await kit.mirror("difference", "report", "none", wish);
  rmSync(join(root, "a"));
  await kit.settle();
  expect(existsSync(join(target, "a"))).toBe(true);
  await kit.mirror("difference", "remove", "none", wish);
  await kit.mirror("difference", "remove");
  await kit.settle();
  expect(["a", "b", "theirs"].map((name) => existsSync(join(target, name)))).toEqual([false, true, true]);
});
