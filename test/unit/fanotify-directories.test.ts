// What the fanotify source remembers of directories, and the hints it gathers, without a kernel beneath.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DirectoryIndex, type DirectoryNode } from "../../src/capture/directory-index.js";
import { FanotifyHints, TOUCHED_ATTR, TOUCHED_CONTENT, TOUCHED_NAME } from "../../src/capture/fanotify-hints.js";
import { KeyMemory } from "../../src/capture/key-memory.js";
import { MountedTree } from "../../src/capture/mounted-tree.js";
import { findMount, parseMountTable } from "../../src/fs/mount-table.js";
import type { BytePath } from "../../src/model/byte-path.js";

const TOP = "top";

describe("DirectoryIndex", () => {
  test("a moved directory takes all below with it", () => {
    const index = new DirectoryIndex(TOP);
    const a = index.place("a", index.top, "a");
    const b = index.place("b", a, "b");
    const other = index.place("o", index.top, "o");
    expect(index.pathOf(b)).toBe("a/b");
    expect(index.place("a", other, "new")).toBe(a);
    expect(index.pathOf(b)).toBe("o/new/b");
  });

  test("what moved out has no path until it is back; what lay below what was removed is not believed", () => {
    const index = new DirectoryIndex(TOP);
    const a = index.place("a", index.top, "a");
    const b = index.place("b", a, "b");
    index.cut(a);
    expect([index.standingOf(b), index.pathOf(b)]).toEqual(["elsewhere", null]);
    index.place("a", index.top, "back");
    expect(index.pathOf(b)).toBe("back/b");
    index.remove(a);
    expect([index.standingOf(b), index.pathOf(b), index.get("a")]).toEqual(["stale", null, undefined]);
  });

  test("a directory that seems to lie in itself is cut loose and doubtful", () => {
    const index = new DirectoryIndex(TOP);
    const a = index.place("a", index.top, "a");
    const b = index.place("b", a, "b");
    const c = index.place("c", b, "c");
    index.place("a", c, "a");
    expect([...index.doubtful]).toEqual([b]);
    expect([index.pathOf(a), index.pathOf(c)]).toEqual([null, null]);
    index.place("b", index.top, "b");
    expect(index.pathOf(a)).toBe("b/c/a");
  });

  test("a full index gives paths, but remembers no more", () => {
    const index = new DirectoryIndex(TOP, 2);
    const a = index.place("a", index.top, "a");
    const b = index.place("b", a, "b");
    expect([index.pathOf(b), index.get("b"), index.size]).toEqual(["a/b", undefined, 2]);
    index.place("a", b, "c");
    expect([index.get("a"), index.standingOf(a)]).toEqual([undefined, "stale"]);
  });

  test("any sequence of moves ends, and paths are consistent", () => {
    const step = fc.record({ what: fc.constantFrom("place", "cut", "remove"), node: fc.nat(9), parent: fc.nat(9), name: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const index = new DirectoryIndex(TOP, 8);
        const known = (key: string): DirectoryNode => index.get(key) ?? index.top;
        for (const { what, node, parent, name } of steps) {
          if (what === "place") index.place(`n${node}`, known(`n${parent}`), `${name}`);
          else if (what === "cut") index.cut(known(`n${node}`));
          else index.remove(known(`n${node}`));
        }
        for (let i = 0; i < 10; i++) {
          const node = index.get(`n${i}`);
          if (node === undefined) continue;
          expect(index.pathOf(node) === null).toBe(index.standingOf(node) !== "attached");
          if (node.parent !== null && index.pathOf(node) !== null) expect(index.pathOf(node)?.endsWith(node.name)).toBe(true);
        }
      }),
    );
  });
});

test("KeyMemory keeps what is asked for and stays bounded", () => {
  const memory = new KeyMemory(3);
  for (const key of ["a", "b", "c"]) memory.add(key);
  memory.add("d");
  expect(memory.has("a")).toBe(true);
  for (const key of ["e", "f", "g"]) memory.add(key);
  expect(["a", "b", "g"].map((key) => memory.has(key))).toEqual([true, false, true]);
  memory.clear();
  expect(memory.has("g")).toBe(false);
});

describe("FanotifyHints", () => {
  const makeTree = (root = 0): MountedTree =>
    new MountedTree({
      root,
      prefix: "" as BytePath,
      path: "/nowhere",
      mountId: 0,
      fsid: "fsidfsid",
      topKey: `top${root}`,
      device: 7,
      fsType: "ext4",
      mayContain: () => true,
    });
  const handle = (ino: number): string => {
    const bytes = Buffer.alloc(24, "fsidfsid");
    bytes.writeUInt32LE(8, 8);
    bytes.writeUInt32LE(1, 12);
    bytes.writeUInt32LE(ino, 16);
    bytes.writeUInt32LE(5, 20);
    return bytes.toString("latin1");
  };

  test("facts name the place where the directory is when they are taken", () => {
    const tree = makeTree();
    const hints = new FanotifyHints();
    const directory = tree.index.place("d", tree.index.top, "before");
    hints.touch(tree, directory, "f", TOUCHED_CONTENT, handle(12));
    hints.touch(tree, directory, "f", TOUCHED_NAME, null);
    hints.touch(tree, directory, "g", TOUCHED_ATTR, handle(13));
    hints.touch(tree, directory, "h", TOUCHED_NAME, handle(14));
    hints.touchDirectory(tree, directory);
    tree.index.place("d", tree.index.top, "after");
    const node = (ino: number): unknown => ({ dev: 7, ino, generation: 5n });
    expect(hints.take(100)).toMatchObject([
      { kind: "content", root: 0, path: "after/f", node: node(12), isModified: true, isClosed: false },
      { kind: "attr", root: 0, path: "after/g", node: node(13) },
      { kind: "name", root: 0, path: "after/h" },
      { kind: "attr", root: 0, path: "after", node: null },
    ]);
    expect(hints.isEmpty).toBe(true);
  });

  test("a rename is one fact, with what moved", () => {
    const tree = makeTree();
    const hints = new FanotifyHints();
    const to = tree.index.place("d", tree.index.top, "d");
    hints.rename({ tree, from: tree.index.top, fromName: "a", to, toName: "b", target: handle(9) });
    hints.rename({ tree, from: tree.index.top, fromName: "x", to, toName: "y", target: "no handle that is known" });
    expect(hints.take(100)).toMatchObject([
      { kind: "rename", root: 0, path: "a", to: "d/b", node: { dev: 7, ino: 9, generation: 5n } },
      { kind: "name", root: 0, path: "x" },
      { kind: "attr", root: 0, path: "", node: null },
      { kind: "name", root: 0, path: "d/y" },
      { kind: "attr", root: 0, path: "d", node: null },
    ]);
  });

  test("a new directory is listed with all below, once, and the root without", () => {
    const tree = makeTree();
    const hints = new FanotifyHints();
    const upper = tree.index.place("u", tree.index.top, "u");
    const lower = tree.index.place("l", upper, "l");
    hints.list(tree, upper);
    hints.list(tree, lower);
    hints.touchDirectory(tree, tree.index.top);
    expect(hints.take(100)).toMatchObject([
      { kind: "directory", root: 0, path: "u", recursive: true },
      { kind: "directory", root: 0, path: "", recursive: false },
    ]);
  });

  test("what is in a directory that moved out, or is gone, is not told", () => {
    const tree = makeTree();
    const hints = new FanotifyHints();
    const [out, gone] = [tree.index.place("o", tree.index.top, "o"), tree.index.place("g", tree.index.top, "g")];
    for (const directory of [out, gone]) hints.touch(tree, directory, "f", TOUCHED_NAME, null);
    tree.index.cut(out);
    tree.index.remove(gone);
    hints.forget(gone);
    expect(hints.take(100)).toMatchObject([]);
  });

  test("taken in portions of any size, nothing is lost or told twice", () => {
    for (const max of [1, 2, 3, 7]) {
      const tree = makeTree();
      const hints = new FanotifyHints();
      for (let i = 0; i < 5; i++) {
        const directory = tree.index.place(`d${i}`, tree.index.top, `d${i}`);
        hints.touchDirectory(tree, directory);
        hints.list(tree, directory);
        for (let j = 0; j < 4; j++) hints.touch(tree, directory, `f${j}`, TOUCHED_NAME, null);
        hints.rename({ tree, from: directory, fromName: "a", to: directory, toName: "b", target: handle(i) });
      }
      hints.walk(0, "w" as BytePath);
      const seen: string[] = [];
      while (!hints.isEmpty) {
        const facts = hints.take(max);
        expect(facts.length).toBeLessThanOrEqual(max);
        seen.push(...facts.map((fact) => `${fact.kind} ${fact.path}`));
      }
      // Of a walk, its name too.
      expect(seen.length).toBe(5 * 7 + 2);
      expect(new Set(seen).size).toBe(seen.length);
    }
  });

  test("too many names coarsen to lists of the full directories, then to the root", () => {
    const tree = makeTree();
    const hints = new FanotifyHints(100);
    const [full, spare] = [tree.index.place("full", tree.index.top, "full"), tree.index.place("spare", tree.index.top, "spare")];
    hints.touch(tree, spare, "one", TOUCHED_NAME, null);
    for (let i = 0; i < 100; i++) hints.touch(tree, full, `f${i}`, TOUCHED_NAME, null);
    for (let i = 0; i < 1000; i++) hints.touch(tree, full, `g${i}`, TOUCHED_NAME, null);
    expect(hints.take(1000)).toMatchObject([
      { kind: "name", root: 0, path: "spare/one" },
      { kind: "attr", root: 0, path: "spare", node: null },
      { kind: "directory", root: 0, path: "full", recursive: false },
      { kind: "attr", root: 0, path: "full", node: null },
    ]);
    for (let i = 0; i < 101; i++) hints.touch(tree, tree.index.place(`k${i}`, tree.index.top, `k${i}`), "f", TOUCHED_NAME, null);
    expect(hints.take(1000)).toMatchObject([{ kind: "lost", root: 0, path: "", reason: "more events than memory for them" }]);
  });

  test("what is lost in one root says nothing of another", () => {
    const [one, two] = [makeTree(0), makeTree(1)];
    const hints = new FanotifyHints();
    for (const tree of [one, two]) hints.touch(tree, tree.index.top, "f", TOUCHED_NAME, null);
    hints.lose(0, "why");
    expect(hints.take(100)).toMatchObject([
      { kind: "lost", root: 0, path: "", reason: "why" },
      { kind: "name", root: 1, path: "f" },
      { kind: "attr", root: 1, path: "", node: null },
    ]);
  });
});

describe("the mount table", () => {
  const TABLE = `22 27 0:21 / /proc rw - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 27 7:1 / /data rw - xfs /dev/loop1 ro,noquota
31 30 7:2 / /data/with\\040space rw - btrfs /dev/loop2 rw
32 27 7:3 /sub /data/hidden rw - ext4 /dev/loop3 rw
33 31 7:4 / /data/with\\040space rw - tmpfs tmpfs rw
a line that is none
`;
  const mounts = parseMountTable(TABLE);

  test("is read with its escapes and flags", () => {
    expect(mounts.length).toBe(6);
    expect(mounts[2]).toEqual({ id: 30, parentId: 27, device: "7:1", root: "/", mountPoint: "/data", type: "xfs", source: "/dev/loop1", isReadOnly: true });
    expect(mounts[3]?.mountPoint).toBe("/data/with space");
  });

  test.for([
    ["/", 27],
    ["/etc", 27],
    ["/data", 30],
    ["/database", 27],
    ["/data/x", 30],
    ["/data/with space", 33],
    ["/data/with space/deep/er", 33],
    // Mounted before /data was: hidden.
    ["/data/hidden/x", 30],
    ["/proc/1", 22],
  ] as const)("%s ends on mount %i", ([path, id]) => {
    expect(findMount(mounts, path)?.id).toBe(id);
  });

  test("of nothing is nothing", () => {
    expect(findMount([], "/")).toBeUndefined();
  });
});
