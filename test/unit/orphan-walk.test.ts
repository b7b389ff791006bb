// The directories of an orphans job while they are renamed: each is listed, where it is by then, and once.

import { expect, test } from "vitest";
import { OrphanBook } from "../../src/jobs/orphan-book.js";
import { OrphanWalk } from "../../src/jobs/orphan-walk.js";
import { type BytePath, baseName, isBelow, parentPath } from "../../src/model/byte-path.js";
import type { MirrorEntry, MirrorTree, ShippedRename } from "../../src/model/mirror-port.js";

const at = (path: string): BytePath => path as BytePath;

/** Walks directories, and renames when one is listed: "LISTED: FROM > TO". Returns them in order, by the names they had at first. */
async function walked(directories: readonly string[], deeds: readonly string[]): Promise<{ readonly names: string[]; readonly isWhole: boolean }> {
  const walk = new OrphanWalk(1);
  const now = new Map(directories.map((path) => [at(path), path]));
  const due = deeds.map((deed) => /^(.*): (.*) > (.*)$/.exec(deed)?.slice(1) as [string, string, string]);
  const tree = {
    inodeAt: () => null,
    list: async (_root: number, directory: BytePath) =>
      directory !== "" && !now.has(directory)
        ? null
        : [...now.keys()]
            .filter((path) => path !== directory && parentPath(path) === directory)
            .sort()
            .map((path) => ({ name: baseName(path), path, type: "dir" }) as MirrorEntry),
  } as unknown as MirrorTree;
  const names: string[] = [];
  const rename = (from: BytePath, to: BytePath): void => {
    for (const [path, name] of [...now]) {
      if (!isBelow(path, from)) continue;
      now.delete(path);
      now.set(at(`${to}${path.slice(from.length)}`), name);
    }
    walk.follow({ root: 0, path: from, to, isDirectory: true });
  };
  while (!walk.isOver) {
    const found = await walk.next(tree, () => undefined);
    if (found === null) continue;
    const name = now.get(found.place.path) ?? "";
    names.push(name);
    for (const [when, from, to] of due) if (when === name) rename(at(from), at(to));
  }
  return { names, isWhole: walk.isWhole };
}

test.each([
  ["nothing moves", []],
  ["what waits moves to where the walk was", ["a: c > a/c"]],
  ["what waits below something that waits moves to where the walk was", ["a: c/x > a/z"]],
  ["what was listed moves to what waits", ["a: a > c/a"]],
  ["what was listed in part moves to what waits, and back", ["a: a > c/a", "a/x: c/a > a"]],
  ["what moved to what waits moves on to where the walk was", ["a/x: a/x > c/z", "b: c/z > b/z"]],
  ["one that waits moves below one that was listed and moved to what waits", ["a: a > c/a", "a/x: d > c/a/d"]],
])("%s: each is listed once", async (_name, deeds) => {
  const all = ["", "a", "a/x", "a/x/y", "b", "c", "c/x", "d"];
  const { names, isWhole } = await walked(all.slice(1), deeds);
  expect([names.sort(), isWhole]).toEqual([all, true]);
});

test("orphans go along with their directory, and one that is known is not found twice", () => {
  const book = new OrphanBook();
  const orphan = { root: 0, directory: at("d/e"), name: "o", isDirectory: false, files: 1, directories: 0, bytes: 1, kept: 0, failed: 0 } as const;
  const rename: ShippedRename = { root: 0, path: at("d"), to: at("n"), isDirectory: true };
  book.consider(orphan);
  book.follow(rename);
  expect(book.judge(orphan, true)).toBeNull();
  expect(book.judge({ ...orphan, directory: at("n/e") }, true)).toMatchObject({ directory: "n/e" });
  book.follow({ ...rename, path: at("n/e"), to: at("m") });
  book.consider({ ...orphan, directory: at("m") });
  expect(book.judge({ ...orphan, directory: at("m") }, true)).toBeNull();
  expect(book.take()).toMatchObject({ directory: "m", orphans: [{ directory: "m", name: "o" }] });
  expect(book.take()).toBeNull();
});
