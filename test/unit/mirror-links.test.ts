// Hard links under a difference mirror: whatever the target has linked, in whichever slice or directory, ends as on the source,
// and what is right is left alone.

// Hard links under a difference mirror: whatever the target has linked, in whichever slice or directory, ends as on the source,
// and what is right is left alone.

import fs, { mkdirSync, readFileSync, statSync, unlinkSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { Change } from "../../src/model/change.js";
import { compareTrees } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { SeededRandom } from "../support/seeded-random.js";
import { payloadBytes, SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** Inodes of a tree: content, and the names that share it. */
type Inodes = readonly (readonly [content: string, ...names: readonly string[]])[];

interface Trees {
  readonly root: string;
  readonly target: string;
}

/** All inodes have one size (of content that is equally long) and one time: nothing but their links and content tells them apart. */
function plant(tree: string, inodes: Inodes): void {
  mkdirSync(tree, { recursive: true });
  for (const [content, first, ...others] of inodes) {
    for (const name of [first, ...others]) mkdirSync(dirname(join(tree, name as string)), { recursive: true });
    const path = join(tree, first as string);
    if (content.startsWith("->")) fs.symlinkSync(content.slice(2), path);
    else fs.writeFileSync(path, content);
    for (const other of others) fs.linkSync(path, join(tree, other));
    fs.lutimesSync(path, 1_700_000_000, 1_700_000_000);
  }
}

function plantBoth(source: Inodes, target: Inodes): Trees {
  const directory = makeTempDirectory();
  const trees = { root: join(directory, "source"), target: join(directory, "target") };
  plant(trees.root, source);
  plant(trees.target, target);
  return trees;
}

/** Content bytes and changes of links that a difference mirror sends. */
async function mirror(kit: SourceKit): Promise<{ readonly bytes: number; readonly differences: number }> {
  kit.sets.length = 0;
  kit.answers.length = 0;
  await kit.mirror("difference");
  await kit.settle();
  const differences = kit.answers.flatMap((answer) => (answer.kind === "compare" ? answer.differs.filter(({ why }) => why !== "attr") : []));
  return { bytes: payloadBytes(kit.sets.flatMap((set) => set.changes)), differences: differences.length };
}

/** Equal after one mirror; another one finds nothing to do. */
async function expectHealed(trees: Trees, rules: Parameters<typeof SourceKit.start>[0] = {}): Promise<void> {
  await pastRacy();
  const kit = SourceKit.start({ ...trees, ...rules });
  await mirror(kit);
  expect(await compareTrees(trees.root, trees.target)).toEqual([]);
  expect(await mirror(kit)).toEqual({ bytes: 0, differences: 0 });
  await kit.stop();
}

const many = (count: number): Inodes => Array.from({ length: count }, (_, i) => [`${i}`.padStart(4), `m${String(i).padStart(4, "0")}`] as const);

test("two files that the target has linked to each other, in different directories", async () => {
  await expectHealed(
    plantBoth(
      [
        ["aaaa", "a/x"],
        ["bbbb", "b/x"],
      ],
      [["aaaa", "a/x", "b/x"]],
    ),
  );
});

test("two files that the target has linked to each other, in different slices of a directory", async () => {
  await expectHealed(plantBoth([["aaaa", "a"], ...many(600), ["zzzz", "z"]], [["zzzz", "a", "z"], ...many(600)]));
});

test("two names of one file that are two files on the target, in different slices and directories", async () => {
  const target: Inodes = [["aaaa", "a"], ...many(600), ["aaaa", "z"], ["aaaa", "d/a"]];
  await expectHealed(plantBoth([["aaaa", "a", "z", "d/a"], ...many(600)], target));
});

test("groups that have exchanged names: every count is right, every member is not", async () => {
  await expectHealed(
    plantBoth(
      [
        ["aaaa", "a", "d/a"],
        ["bbbb", "b", "d/b"],
      ],
      [
        ["aaaa", "a", "b"],
        ["bbbb", "d/a", "d/b"],
      ],
    ),
  );
  await expectHealed(
    plantBoth(
      [
        ["aaaa", "a", "d/a"],
        ["bbbb", "b", "d/b"],
      ],
      [
        ["bbbb", "a", "d/b"],
        ["bbbb", "d/a", "b"],
      ],
    ),
  );
  await expectHealed(
    plantBoth(
      [
        ["aaaa", "a", "b", "c"],
        ["bbbb", "d", "e", "f"],
      ],
      [
        ["aaaa", "a", "d"],
        ["bbbb", "b", "e"],
        ["aaaa", "c", "f"],
      ],
    ),
  );
});

test("a further name leaves a stranger's inode, whose own name is compared much later", async () => {
  const between: Inodes = Array.from({ length: 600 }, (_, i) => [`${i}`.padStart(4), `m${String(i).padStart(4, "0")}/f`] as const);
  await expectHealed(plantBoth([["aaaa", "a", "b"], ...between, ["zzzz", "z/z"]], [["aaaa", "a"], ["aaaa", "b", "z/z"], ...between]));
});

test("that names begin to leave shared inodes is told before the first one does", async () => {
  const trees = plantBoth(
    [
      ["aaaa", "a"],
      ["bbbb", "b"],
    ],
    [["aaaa", "a", "b"]],
  );
  await pastRacy();
  const told: boolean[] = [];
  const kit = SourceKit.start({
    ...trees,
    onSet: ({ changes }) => {
      if (changes.some(({ op }) => op === "file" || op === "link")) told.push(kit.events.some(({ kind }) => kind === "mirrorSettling"));
    },
  });
  await kit.mirror("difference");
  await kit.settle();
  expect(told).toContain(true);
  expect(told).not.toContain(false);
  expect(kit.events.filter(({ kind }) => kind === "mirrorSettling")).toHaveLength(1);
});

test("symbolic links and files alike", async () => {
  await expectHealed(
    plantBoth(
      [
        ["->x", "a/l"],
        ["->x", "b/l"],
        ["->y", "c/l", "d/l"],
      ],
      [
        ["->x", "a/l", "b/l"],
        ["->y", "c/l"],
        ["->y", "d/l"],
      ],
    ),
  );
});

test("a file linked to a name outside of the mirrored tree becomes a file of its own; that name keeps its content", async () => {
  const trees = plantBoth(
    [
      ["aaaa", "a"],
      ["bbbb", "b", "d/b"],
    ],
    [
      ["aaaa", "a"],
      ["bbbb", "b", "d/b"],
    ],
  );
  const outside = join(dirname(trees.target), "outside");
  mkdirSync(outside);
  for (const name of ["a", "b"]) fs.linkSync(join(trees.target, name), join(outside, name));
  await expectHealed(trees);
  expect(["a", "b"].map((name) => [readFileSync(join(outside, name), "utf8"), statSync(join(outside, name)).nlink])).toEqual([
    ["aaaa", 1],
    ["bbbb", 1],
  ]);
});

test("a tree of many links that is equal: no difference, no content; also when names lie outside of the set", async () => {
  const groups: Inodes = Array.from({ length: 300 }, (_, i) => [`${i}`.padStart(4), `a/${i}`, `b/${i}`, `c/${i}`, ...(i % 2 ? [`c/${i}-too`] : [])] as const);
  const trees = plantBoth(groups, groups);
  const beyond = join(dirname(trees.root), "beyond");
  mkdirSync(beyond);
  mkdirSync(join(trees.root, "excluded"));
  for (let i = 0; i < 300; i += 3) {
    fs.linkSync(join(trees.root, `a/${i}`), join(beyond, `${i}`));
    fs.linkSync(join(trees.root, `a/${i}`), join(trees.root, `excluded/${i}`));
  }
  for (const tree of [trees.root, trees.target]) utimesSync(tree, 1, 1);
  await pastRacy();
  const kit = SourceKit.start({ ...trees, rules: (root) => [{ path: join(root, "excluded"), mode: "exclude", recursive: true }] });
  expect(await mirror(kit)).toEqual({ bytes: 0, differences: 0 });
});

test("a name that is gone from the source is removed; the file with its other names is not sent for it", async () => {
  const names = ["day.0/f", "day.1/f", "day.2/f"] as const;
  const groups: Inodes = Array.from({ length: 50 }, (_, i) => [`${i}`.padStart(4), ...names.map((name) => `${name}${i}`)] as const);
  const trees = plantBoth(groups, []);
  const kit = SourceKit.start(trees);
  await mirror(kit);
  for (let i = 0; i < 50; i++) unlinkSync(join(trees.root, `day.2/f${i}`));
  await kit.stop();
  await pastRacy();
  const later = SourceKit.start(trees);
  expect((await mirror(later)).bytes).toBe(0);
  expect(await compareTrees(trees.root, trees.target)).toEqual([]);
});

test("a file that goes by its first name while it is sent is sent by another; its other names do not keep what was wrong", async () => {
  const big = "x".repeat(3 << 20);
  const trees = plantBoth([[big, "a", "d/b", "d/c"]], [["old", "a", "d/b", "d/c"]]);
  let pieces = 0;
  // Between the first piece of content and the second.
  const onSet = ({ changes }: { readonly changes: readonly Change[] }): void => {
    if (changes.some(({ op }) => op === "file")) pieces += 1;
    if (pieces === 1) fs.rmSync(join(trees.root, "a"), { force: true });
  };
  const kit = SourceKit.start({ ...trees, onSet });
  await kit.mirror("difference");
  await kit.settle();
  expect(await compareTrees(trees.root, trees.target)).toEqual([]);
});

/** The names as inodes of random groups. */
function partition(random: SeededRandom, names: readonly string[], contentOf: (first: string) => string): Inodes {
  const groups: string[][] = [];
  for (const name of names) {
    const at = random.integer(0, groups.length);
    if (at < groups.length && random.chance(0.7)) groups[at]?.push(name);
    else groups.push([name]);
  }
  return groups.map(([first = "", ...others]) => [contentOf(first), first, ...others] as const);
}

test.each(Array.from({ length: 12 }, (_, seed) => seed))("any links on either side: seed %i", async (seed) => {
  const random = new SeededRandom(seed);
  const names = Array.from({ length: 20 }, (_, i) => (i < 8 ? `n${i}` : `d${i % 3}/n${i}`));
  // Equal contents are likely, so that content alone tells little.
  const source = partition(random, names, () => random.pick(["same", "diff"]));
  const contents = new Map(source.flatMap(([content, ...group]) => group.map((name) => [name, content] as const)));
  // What is wrong on the target is wrong by its links: by themselves, size and time vouch for content.
  const target = partition(random, names, (first) => contents.get(first) ?? "");
  await expectHealed(plantBoth(source, target));
});
