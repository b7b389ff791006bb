// What the change sets of a source take away, in files: what the guard of a connection counts.

import { linkSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

async function planted() {
  const root = join(makeTempDirectory(), "root");
  for (const directory of ["a", "a/deep", "b"]) {
    mkdirSync(join(root, directory), { recursive: true });
    for (let i = 0; i < 10; i++) writeFileSync(join(root, directory, `f${i}`), "content");
  }
  const kit = SourceKit.start({ root });
  const lostBy = async (deed: () => void): Promise<number> => {
    const before = kit.lost;
    await kit.changesOf(deed);
    return kit.lost - before;
  };
  return { kit, lostBy };
}

test("a removed directory counts the files below it, a rename nothing, a way out of the set all", async () => {
  const { kit, lostBy } = await planted();
  expect(await lostBy(() => renameSync(kit.path("a"), kit.path("moved")))).toBe(0);
  expect(await lostBy(() => rmSync(kit.path("moved/deep"), { recursive: true }))).toBe(10);
  expect(await lostBy(() => renameSync(kit.path("b"), `${kit.root}-outside`))).toBe(10);
  expect(await lostBy(() => rmSync(kit.path("moved/f0")))).toBe(1);
  expect(await lostBy(() => mkdirSync(kit.path("empty")))).toBe(0);
  expect(await lostBy(() => rmSync(kit.path("empty"), { recursive: true }))).toBe(0);
});

test("a file is lost with its last name; replaced by another it is not", async () => {
  const { kit, lostBy } = await planted();
  expect(await lostBy(() => linkSync(kit.path("b/f0"), kit.path("b/link")))).toBe(0);
  expect(await lostBy(() => rmSync(kit.path("b/f0")))).toBe(0);
  expect(await lostBy(() => rmSync(kit.path("b/link")))).toBe(1);
  expect(await lostBy(() => renameSync(kit.path("b/f1"), kit.path("b/f2")))).toBe(0);
  writeFileSync(kit.path("b/new"), "x");
  expect(await lostBy(() => renameSync(kit.path("b/new"), kit.path("b/f3")))).toBe(0);
});

test("files that are saved anew by name are not lost, though each takes the inode number of the one before", async () => {
  const { kit, lostBy } = await planted();
  const saveAll = (): void => {
    for (let i = 0; i < 10; i++) {
      writeFileSync(kit.path(`b/f${i}.new`), "saved");
      renameSync(kit.path(`b/f${i}.new`), kit.path(`b/f${i}`));
    }
  };
  expect(await lostBy(saveAll)).toBe(0);
});

test("an emptied file is lost until it has content again, and once", async () => {
  const { kit, lostBy } = await planted();
  expect(await lostBy(() => writeFileSync(kit.path("empty"), ""))).toBe(0);
  expect(await lostBy(() => truncateSync(kit.path("b/f0")))).toBe(1);
  expect(await lostBy(() => truncateSync(kit.path("b/f0")))).toBe(0);
  expect(await lostBy(() => writeFileSync(kit.path("b/f0"), "again"))).toBe(-1);
  expect(await lostBy(() => truncateSync(kit.path("b/f0")))).toBe(1);
  expect(await lostBy(() => rmSync(kit.path("b/f0")))).toBe(0);
  expect(await lostBy(() => rmSync(kit.path("b"), { recursive: true }))).toBe(9);
});
