// The plan of a mirror beyond the contents of files: what is in the way, hard links, places; and that a mirror does as it was told.

import { existsSync, linkSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ExtraCounts } from "../../src/jobs/extra-counts.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { OrphansChange } from "../../src/model/change.js";
import type { MirrorTree } from "../../src/model/mirror-port.js";
import { compareTrees, readManifest } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { type Planned, planOf } from "../support/plan-of.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** A source with a hard link and an excluded name, and its copy. */
async function mirrored(): Promise<{ readonly kit: SourceKit; readonly at: (path: string) => string; readonly on: (path: string) => string }> {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  const [at, on] = [root, target].map((top) => (path: string) => join(top, path)) as [(path: string) => string, (path: string) => string];
  mkdirSync(at("dir/below"), { recursive: true });
  for (const path of ["a", "dir/b", "dir/below/c", "dir/below/d"]) writeFileSync(at(path), "four");
  linkSync(at("a"), at("dir/z-link"));
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  await kit.mirror("full");
  return { kit, at, on };
}

function shown({ parts }: Planned): Record<string, readonly string[]> {
  const named = Object.entries(parts).map(([action, { names }]) => [action, names.map(({ path, isDirectory }) => `${path}${isDirectory ? "/" : ""}`)] as const);
  return Object.fromEntries(named.filter(([, names]) => names.length > 0));
}

test("what equals needs nothing; a full mirror sends it all the same, a further name as a link", async () => {
  const { kit } = await mirrored();
  const difference = await planOf(kit);
  expect(shown(difference)).toEqual({});
  expect(difference.counts).toMatchObject({ files: 5, directories: 3 });
  const full = await planOf(kit, { mode: "full" });
  expect(shown(full)).toEqual({ overwrite: ["a", "dir/b", "dir/below/c", "dir/below/d"], relink: ["dir/z-link"] });
  expect(full.parts.overwrite).toMatchObject({ files: 4, bytes: 16 });
});

test("what is of another type on the target is deleted with all below; a link that is missing costs no bytes", async () => {
  const { kit, at, on } = await mirrored();
  rmSync(on("dir/b"));
  mkdirSync(on("dir/b/deep"), { recursive: true });
  for (const name of ["x", "deep/y"]) writeFileSync(on(`dir/b/${name}`), "0123456789");
  rmSync(on("dir/z-link"));
  rmSync(on("dir/below"), { recursive: true });
  const before = await readManifest(on(""));
  const planned = await planOf(kit);
  expect(await readManifest(on(""))).toEqual(before);
  const { attributes, ...rest } = shown(planned);
  expect(rest).toEqual({
    create: ["dir/b", "dir/below/", "dir/below/c", "dir/below/d"],
    relink: ["dir/z-link"],
    delete: ["dir/b/"],
  });
  expect(attributes).toEqual(["dir/"]);
  expect(planned.parts.create).toMatchObject({ files: 3, directories: 1, bytes: 12 });
  expect(planned.parts.delete).toMatchObject({ files: 2, directories: 2, bytes: 20 });
  await kit.mirror("difference", "remove");
  expect(await compareTrees(at(""), on(""))).toEqual([]);
  expect(shown(await planOf(kit))).toEqual({});
});

test("of some places only these, and the directories above them, are told", async () => {
  const { kit, on } = await mirrored();
  for (const path of ["a", "dir/b", "dir/below/c"]) rmSync(on(path));
  const places = [{ root: 0, path: "dir/below" as BytePath }];
  const planned = await planOf(kit, { places });
  expect(shown(planned)).toEqual({ create: ["dir/below/c"], attributes: ["dir/", "dir/below/"] });
  expect(planned.counts).toMatchObject({ filesTotal: 2, files: 2, directories: 1 });
  expect(shown(await planOf(kit, { places: [{ root: 0, path: "a" as BytePath }] }))).toEqual({ create: ["a"] });
});

test("what the target had when it was first mirrored stays, also when that mirror's successor removes", async () => {
  const { kit, on } = await mirrored();
  mkdirSync(on("dir/theirs"));
  writeFileSync(on("dir/theirs/file"), "foreign");
  expect(shown(await planOf(kit))).toMatchObject({ delete: ["dir/theirs/"] });
  await kit.mirror("difference", "report");
  writeFileSync(on("dir/ours"), "nobody else's");
  expect((await planOf(kit)).parts.delete).toMatchObject({ files: 1, bytes: 13, names: [{ path: "dir/ours" }] });
});

test("a count whose answer was lost is asked again for the same names, and a directory that cannot be listed is said", () => {
  const asked: Omit<OrphansChange, "op">[] = [];
  const tree = { sweep: (_connectionId: number, change: Omit<OrphansChange, "op">) => asked.push(change) } as unknown as MirrorTree;
  const counts = new ExtraCounts({ connectionId: 1, tree });
  for (const name of ["a", "b"]) counts.add(0, `dir/${name}` as BytePath, false);
  counts.add(0, "dir/c" as BytePath, true);
  while (counts.hasWork) counts.step();
  expect(asked).toMatchObject([
    { path: "dir", deed: "count", way: "these", names: ["a", "b"], includesExcluded: false },
    { path: "dir", deed: "count", way: "these", names: ["c"], includesExcluded: true },
  ]);
  expect(counts.askAgain(1)).toBe(true);
  counts.step();
  expect(asked[2]).toEqual(asked[0]);
  const answer = { kind: "orphans", root: 0, path: "dir" as BytePath, total: 0, found: [], next: null } as const;
  expect(counts.takeAnswer({ ...answer, seq: 1, refused: null })).toBe(false);
  for (const seq of [2, 3]) expect(counts.takeAnswer({ ...answer, seq, refused: seq === 3 ? "it cannot be listed" : null })).toBe(true);
  expect(counts.step()).toEqual([]);
  expect(counts.step()?.map(({ path, files, isPartial }) => ({ path, files, isPartial }))).toEqual([
    { path: "dir/a", files: 1, isPartial: true },
    { path: "dir/b", files: 1, isPartial: true },
  ]);
  expect(counts.size).toBe(0);
});

test("a further name is not forced upon what is newer and of another type: both names are left alone", async () => {
  const { kit, at, on } = await mirrored();
  utimesSync(at("a"), 1_600_000_000, 1_600_000_000);
  // A look at a change as young as that would send it once more, over what is there by then.
  await pastRacy();
  await kit.settle();
  for (const name of ["a", "dir/z-link"]) rmSync(on(name));
  mkdirSync(on("a"));
  writeFileSync(on("a/precious"), "newer");
  const wish = { mode: "difference", content: "times", newerOnly: true } as const;
  expect(shown(await planOf(kit, wish)).leaveAlone).toEqual(["a", "dir/z-link"]);
  await kit.mirror("difference", "report", "none", wish);
  await kit.settle();
  expect(existsSync(on("a/precious"))).toBe(true);
  expect(existsSync(on("dir/z-link"))).toBe(false);
});
