// MirrorZeroKFiles: what becomes of files that are empty on the source, when a mirror leaves them out. Nothing of that is silent: the plan says it before,
// the counts after, and it stays owed.

import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mergeNeeds, needAfter, needByHand } from "../../src/connection/resume-plan.js";
import type { MirrorWish } from "../../src/model/mirror-wish.js";
import { readManifest } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { planOf } from "../support/plan-of.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const SKIP = { mode: "difference", content: "times", newerOnly: false, skipsEmpty: true } as const;
const DATE = 1_700_000_000;

/** `attr`: as empty, of another mode. `dir`: a directory in its place. */
const STATES = ["missing", "same", "attr", "older", "newer", "dir", "one", "two"] as const;

function writeDated(path: string, text: string, seconds: number): void {
  writeFileSync(path, text);
  utimesSync(path, seconds, seconds);
}

async function planted(): Promise<{ readonly root: string; readonly target: string }> {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  for (const top of [root, target]) mkdirSync(join(top, "d"), { recursive: true });
  for (const state of STATES) if (state !== "two") writeDated(join(root, "d", state), "", DATE);
  linkSync(join(root, "d/one"), join(root, "d/two"));
  writeDated(join(root, "d/text"), "text", DATE);
  writeDated(join(target, "d/same"), "", DATE);
  writeDated(join(target, "d/attr"), "", DATE);
  chmodSync(join(root, "d/attr"), 0o640);
  chmodSync(join(target, "d/attr"), 0o600);
  writeDated(join(target, "d/older"), "of the target", DATE - 10);
  writeDated(join(target, "d/newer"), "of the target", DATE + 10);
  mkdirSync(join(target, "d/dir"));
  await pastRacy();
  return { root, target };
}

const TABLE: readonly (MirrorWish & { readonly left: readonly string[]; readonly leftEmpty: number })[] = [
  { ...SKIP, left: ["dir", "missing", "newer", "older", "one", "two"], leftEmpty: 6 },
  { ...SKIP, content: "checksum-all", left: ["dir", "missing", "newer", "older", "one", "two"], leftEmpty: 6 },
  { ...SKIP, newerOnly: true, left: ["dir", "missing", "newer", "older", "one", "two"], leftEmpty: 6 },
  { ...SKIP, missingOnly: true, left: ["attr", "dir", "missing", "newer", "older", "one", "two"], leftEmpty: 6 },
  // It compares nothing: all that are empty are left out.
  { ...SKIP, mode: "full", left: ["attr", "dir", "missing", "newer", "older", "one", "same", "two"], leftEmpty: 8 },
];

test.each(TABLE)("$mode $content, newer only: $newerOnly, overwriting nothing: $missingOnly", async ({ left, leftEmpty, ...wish }) => {
  const { root, target } = await planted();
  const kit = SourceKit.start({ root, target });
  const before = await readManifest(target);
  const { parts } = await planOf(kit, { ...wish, extras: "report" });
  expect(await readManifest(target)).toEqual(before);
  expect(parts.leaveAlone.names.map(({ path }) => (path as string).slice("d/".length)).sort()).toEqual(left);
  expect(parts.delete.names).toEqual([]);
  await kit.mirror(wish.mode, "report", "none", wish);
  const counts = kit.events.findLast((event) => event.kind === "mirrorEmitted")?.counts;
  expect(counts).toMatchObject({ leftAlone: left.length, leftEmpty });
  expect(counts?.leftAloneNames.map((name) => name.slice("d/".length)).sort()).toEqual(left);
  expect(["missing", "one", "two"].filter((name) => existsSync(join(target, "d", name)))).toEqual([]);
  expect(["older", "newer"].map((name) => readFileSync(join(target, "d", name), "utf8"))).toEqual(["of the target", "of the target"]);
  expect(statSync(join(target, "d/dir")).isDirectory()).toBe(true);
  expect(statSync(join(target, "d/attr")).mode & 0o777).toBe(left.includes("attr") ? 0o600 : 0o640);
  expect(readFileSync(join(target, "d/text"), "utf8")).toBe("text");
  // A mirror without that makes the copy whole.
  await kit.mirror("difference", "remove");
  expect(await readManifest(target)).toEqual(await readManifest(root));
});

test("replication is not concerned: what was left out comes as soon as it has a content, or other attributes", async () => {
  const { root, target } = await planted();
  const kit = SourceKit.start({ root, target });
  await kit.mirror("difference", "report", "none", SKIP);
  writeFileSync(join(root, "d/missing"), "now it has one");
  chmodSync(join(root, "d/one"), 0o600);
  writeFileSync(join(root, "d/made"), "");
  await kit.settle();
  await kit.settle();
  expect(readFileSync(join(target, "d/missing"), "utf8")).toBe("now it has one");
  expect(statSync(join(target, "d/one")).size).toBe(0);
  expect(existsSync(join(target, "d/made"))).toBe(true);
});

test("what was left out stays owed, by number and reason, to a mirror without that, which a person starts", () => {
  const need = needByHand(null, SKIP, "2031");
  const owed = needAfter(need, 6, "2032", 6);
  expect(owed).toMatchObject({ mode: "difference", isAutomatic: false, message: "6 files were left out for being empty" });
  expect(owed?.skipsEmpty).toBeUndefined();
  expect(needAfter({ ...need, newerOnly: true }, 3, "2032", 1)?.message).toBe(
    "1 file was left out for being empty; 2 files were left alone, not being older on the target than on the source",
  );
  const { skipsEmpty: _, ...restart } = { ...need, reason: "restart", message: "restarted" } as const;
  expect(mergeNeeds(need, restart).skipsEmpty).toBeUndefined();
  expect(mergeNeeds(restart, need).skipsEmpty).toBeUndefined();
  expect(mergeNeeds(need, need).skipsEmpty).toBe(true);
});
