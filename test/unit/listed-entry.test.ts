// What a listing has seen unchanged is told to the receiver without another look: extended attributes, owners and modes that
// change afterwards, on either side, must be found all the same.

import { chmodSync, chownSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeXattrs } from "../../src/fs/xattrs.js";
import { compareTrees } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

async function mirroredKit(): Promise<{ kit: SourceKit; target: string }> {
  const target = join(makeTempDirectory(), "target");
  const root = makeTempDirectory();
  for (const name of ["a", "b", "c"]) writeFileSync(join(root, name), name);
  symlinkSync("a", join(root, "link"));
  writeXattrs(join(root, "b"), [["user.note", Buffer.from("one")]]);
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  await kit.mirror("full");
  return { kit, target };
}

/** What each of these mirrors told of extended attributes, by name. */
async function digests(kit: SourceKit): Promise<Record<string, boolean>> {
  kit.sets.length = 0;
  await kit.mirror("difference");
  const entries = kit.sets.flatMap(({ changes }) => changes).flatMap((change) => (change.op === "compare" ? change.entries : []));
  return Object.fromEntries(entries.map(({ name, xattrDigest }) => [name, xattrDigest !== 0]));
}

test("a file without extended attributes is one that gets them later", async () => {
  const { kit, target } = await mirroredKit();
  const before = { a: false, b: true, c: false, link: false };
  expect(await digests(kit)).toEqual(before);
  expect(await digests(kit)).toEqual(before);
  writeXattrs(kit.path("a"), [["user.note", Buffer.from("two")]]);
  writeXattrs(kit.path("b"), []);
  expect(await digests(kit)).toEqual({ a: true, b: false, c: false, link: false });
  await kit.settle();
  expect(await compareTrees(kit.root, target)).toEqual([]);
});

test("set as soon as they were looked at, attributes are found", async () => {
  const { kit, target } = await mirroredKit();
  for (let round = 0; round < 20; round++) {
    writeXattrs(kit.path("c"), round % 2 === 0 ? [["user.round", Buffer.from(`${round}`)]] : []);
    expect((await digests(kit)).c).toBe(round % 2 === 0);
    await kit.settle();
  }
  expect(await compareTrees(kit.root, target)).toEqual([]);
});

test("what was changed on the target by hand is found, though the source was seen unchanged", async () => {
  const { kit, target } = await mirroredKit();
  await digests(kit);
  writeXattrs(join(target, "a"), [["user.foreign", Buffer.from("x")]]);
  chmodSync(join(target, "c"), 0o600);
  chownSync(join(target, "b"), 12, 34);
  writeFileSync(join(target, "link.txt"), "");
  await kit.mirror("difference");
  await kit.settle();
  expect(await compareTrees(kit.root, target)).toEqual([]);
  expect(readFileSync(join(target, "a"), "utf8")).toBe("a");
});
