import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AT_FDCWD, mknodAt, statAt } from "../../src/fs/native.js";
import { readXattrs } from "../../src/fs/xattrs.js";
import type { Change, Xattrs } from "../../src/model/change.js";
import { ApplyKit, bp, dir, file, link, meta, patch, remove, rename, symlink } from "../support/apply-kit.js";

let kit: ApplyKit;
beforeEach(() => {
  kit = new ApplyKit();
});
afterEach(() => kit.close());

const MiB = 1024 * 1024;

test("a new file has content, mode, owner and mtime to the nanosecond", () => {
  expect(kit.apply(file("a", "hello", { mode: 0o640, uid: 12, gid: 34, mtimeNsec: 987_654_321 }))).toEqual([]);
  const stat = kit.stat("a");
  expect(readFileSync(kit.path("a"), "utf8")).toBe("hello");
  expect([stat.mode & 0o7777, stat.uid, stat.gid, stat.mtimeSec, stat.mtimeNsec]).toEqual([0o640, 12, 34, 1_700_000_000, 987_654_321]);
});

test("set-id bits survive the change of owner, for new and for existing files", () => {
  kit.apply(file("a", "x", { mode: 0o6755, uid: 7, gid: 8 }));
  expect(kit.stat("a").mode & 0o7777).toBe(0o6755);
  kit.apply(file("a", "y", { mode: 0o4711, uid: 9, gid: 9 }));
  expect(kit.stat("a").mode & 0o7777).toBe(0o4711);
});

test("times before 1970 and empty files", () => {
  kit.apply(file("old", "", { mtimeSec: -86_400, mtimeNsec: 5 }));
  expect(kit.stat("old")).toMatchObject({ size: 0, mtimeSec: -86_400, mtimeNsec: 5 });
});

test("a replaced file keeps its inode; a file with other names does not change them", () => {
  kit.apply(file("a", "one"));
  const before = kit.stat("a").ino;
  kit.apply(file("a", "two!"));
  expect(kit.stat("a").ino).toBe(before);
  kit.apply(link("b", "a"));
  expect(kit.stat("b").ino).toBe(before);
  kit.apply(file("a", "three"));
  expect([readFileSync(kit.path("a"), "utf8"), readFileSync(kit.path("b"), "utf8")]).toEqual(["three", "two!"]);
});

test("attributes, ACLs and capabilities are made exactly those of the source", () => {
  const acl = Buffer.from("0200000001000600ffffffff02000600d204000004000400ffffffff10000600ffffffff20000400ffffffff", "hex");
  const xattrs: Xattrs = [
    ["security.capability", Buffer.from("0100000200200000000000000000000000000000", "hex")],
    ["system.posix_acl_access", acl],
    ["user.note", Buffer.from("x")],
  ];
  expect(kit.apply(file("a", "x", { mode: 0o664, uid: 5, xattrs }))).toEqual([]);
  expect(readXattrs(kit.path("a"))).toEqual(xattrs);
  kit.apply(file("a", "changed", { mode: 0o664, uid: 6, xattrs: [["user.other", Buffer.from("y")]] }));
  expect(readXattrs(kit.path("a"))).toEqual([["user.other", Buffer.from("y")]]);
  expect(kit.stat("a").mode & 0o7777).toBe(0o664);
});

test("a default ACL of the parent does not leak into files of a source without one", () => {
  const defaultAcl = Buffer.from("0200000001000700ffffffff02000700d204000004000500ffffffff10000700ffffffff20000000ffffffff", "hex");
  kit.apply(dir("d", { xattrs: [["system.posix_acl_default", defaultAcl]] }), file("d/a", "x"), file("d/b", "x", { mode: 0o666 }), dir("d/sub"));
  for (const name of ["d/a", "d/b", "d/sub"]) expect(readXattrs(kit.path(name)), name).toEqual([]);
  expect([kit.stat("d/a").mode & 0o777, kit.stat("d/b").mode & 0o777, kit.stat("d/sub").mode & 0o777]).toEqual([0o644, 0o666, 0o755]);
});

test("a set-gid directory does not give its group to files", () => {
  kit.apply(dir("d", { mode: 0o2775, gid: 77 }), file("d/a", "x"), file("d/b", "y", { gid: 77 }), dir("d/sub", { gid: 3 }));
  expect([kit.stat("d/a").gid, kit.stat("d/b").gid, kit.stat("d/sub").gid]).toEqual([0, 77, 3]);
  expect(kit.stat("d/sub").mode & 0o7777).toBe(0o755);
});

test("holes stay holes, when new and when punched into an existing file", () => {
  const sparse: Change = {
    op: "file",
    root: 0,
    path: bp("s"),
    start: "replace",
    base: null,
    continues: false,
    extents: [[4 * MiB, 3]],
    holes: [],
    size: 16 * MiB,
    meta: meta(),
    payload: Buffer.from("end"),
  };
  kit.apply(sparse);
  expect(kit.stat("s").size).toBe(16 * MiB);
  expect(kit.stat("s").blocks).toBeLessThan(64);
  kit.apply(file("full", Buffer.alloc(4 * MiB, 1)));
  const base = { size: 4 * MiB, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 };
  kit.apply(patch("full", base, [], 4 * MiB, meta(), [[0, 2 * MiB]]));
  expect(kit.stat("full").blocks).toBeLessThanOrEqual((2 * MiB) / 512 + 16);
  expect(
    readFileSync(kit.path("full"))
      .subarray(0, 2 * MiB)
      .every((b) => b === 0),
  ).toBe(true);
});

test("a patch changes ranges in place, and cuts or extends the file", () => {
  kit.apply(file("a", "0123456789"));
  const base = { size: 10, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 };
  expect(kit.apply(patch("a", base, [[2, "XY"]], 5, meta({ mtimeSec: 1_700_000_001 })))).toEqual([]);
  expect(readFileSync(kit.path("a"), "utf8")).toBe("01XY4");
  expect(kit.apply(patch("a", { ...base, size: 5, mtimeSec: 1_700_000_001 }, [], 7, meta()))).toEqual([]);
  expect(readFileSync(kit.path("a"), "utf8")).toBe("01XY4\0\0");
});

test("a file that is not the one the change builds on is left alone, with all later parts of the transfer", () => {
  kit.apply(file("a", "0123456789"));
  writeFileSync(kit.path("a"), "edited by hand");
  const base = { size: 10, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 };
  expect(kit.apply(patch("a", base, [[0, "X"]], 10, null))).toMatchObject([{ kind: "stale", path: "a" }]);
  expect(kit.apply(patch("a", null, [[1, "Y"]], 10, meta(), [], true))).toMatchObject([{ kind: "stale", path: "a" }]);
  expect(readFileSync(kit.path("a"), "utf8")).toBe("edited by hand");
  expect(kit.apply(patch("a", null, [[1, "Y"]], 10, meta()))).toEqual([]);
  expect(readFileSync(kit.path("a"), "utf8")).toBe("eYited by ");
  expect(kit.apply(patch("none", base, [], 10, meta()))).toMatchObject([{ kind: "stale", path: "none" }]);
});

test("a transfer in several pieces: the base is checked once, each piece needs the one before", () => {
  kit.apply(file("a", "0123456789"));
  const base = { size: 10, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 };
  kit.apply(patch("a", base, [[0, "AB"]], 12, null));
  expect(kit.apply(patch("a", null, [[10, "YZ"]], 12, meta({ mtimeSec: 5 }), [], true))).toEqual([]);
  expect(readFileSync(kit.path("a"), "utf8")).toBe("AB23456789YZ");
  expect(kit.stat("a").mtimeSec).toBe(5);
  kit.apply({ ...file("b", "01234567"), meta: null } as Change);
  kit.apply(patch("b", null, [[8, "89"]], 12, null, [], true));
  kit.reopen();
  kit.apply(patch("b", null, [[10, "A"]], 12, null, [], true));
  kit.reopen();
  expect(kit.apply(patch("b", null, [[11, "B"]], 12, meta(), [], true))).toEqual([]);
  expect(readFileSync(kit.path("b"), "utf8")).toBe("0123456789AB");
  kit.apply({ ...file("d", "01234567"), meta: null } as Change);
  kit.reopen();
  writeFileSync(kit.path("d"), "edited by hand");
  expect(kit.apply(patch("d", null, [[8, "89"]], 10, meta(), [], true))).toMatchObject([{ kind: "stale", path: "d" }]);
  kit.apply({ ...file("e", "01234567"), meta: null } as Change);
  kit.reopen({ bootId: "another boot" });
  expect(kit.apply(patch("e", null, [[8, "89"]], 10, meta(), [], true))).toMatchObject([{ kind: "stale", path: "e" }]);
  kit.apply({ ...file("c", "01"), meta: null } as Change);
  writeFileSync(kit.path("c"), "edited by hand");
  expect(kit.apply(patch("c", null, [[2, "AB"]], 12, meta(), [], true))).toMatchObject([{ kind: "stale", path: "c" }]);
});

const kinds: Record<string, { plant: (path: string) => void; change: Change; check: (path: string) => boolean }> = {
  dir: {
    plant: (p) => {
      mkdirSync(`${p}/deep/er`, { recursive: true });
      writeFileSync(`${p}/deep/f`, "x");
    },
    change: dir("x"),
    check: (p) => lstatSync(p).isDirectory(),
  },
  file: { plant: (p) => writeFileSync(p, "planted"), change: file("x", "new"), check: (p) => lstatSync(p).isFile() && readFileSync(p, "utf8") === "new" },
  symlink: { plant: (p) => symlinkSync("/nowhere", p), change: symlink("x", "../other"), check: (p) => readlinkSync(p) === "../other" },
  fifo: {
    plant: (p) => void mknodAt(AT_FDCWD, p, 0o010644, 0, 0),
    change: { op: "special", root: 0, path: bp("x"), kind: "fifo", major: 0, minor: 0, meta: meta() },
    check: (p) => lstatSync(p).isFIFO(),
  },
  device: {
    plant: (p) => void mknodAt(AT_FDCWD, p, 0o020644, 1, 5),
    change: { op: "special", root: 0, path: bp("x"), kind: "char", major: 1, minor: 300, meta: meta() },
    check: (p) => lstatSync(p).isCharacterDevice() && lstatSync(p).rdev !== 0,
  },
};

for (const [had, { plant }] of Object.entries(kinds)) {
  for (const [wanted, { change, check }] of Object.entries(kinds)) {
    test(`a ${wanted} takes the place of a ${had}`, () => {
      kit.apply();
      mkdirSync(kit.target, { recursive: true });
      plant(kit.path("x"));
      expect(kit.apply(change)).toEqual([]);
      expect(check(kit.path("x"))).toBe(true);
      expect(kit.apply(change)).toEqual([]);
      if (wanted !== "symlink") expect(kit.stat("x").mtimeNsec).toBe(123_456_789);
    });
  }
}

test("device numbers are exact", () => {
  kit.apply({ op: "special", root: 0, path: bp("d"), kind: "block", major: 259, minor: 70_000, meta: meta({ mode: 0o660 }) });
  const stat = statAt(AT_FDCWD, kit.path("d"));
  expect(stat).toMatchObject({ rdevMajor: 259, rdevMinor: 70_000 });
});

test("hard links: made, kept, replaced, refused without their origin", () => {
  kit.apply(file("a", "x"), link("b", "a"), link("b", "a"), dir("d"), file("d/f", "in the way"), link("d", "a"));
  expect([kit.stat("a").nlink, kit.stat("b").ino === kit.stat("d").ino]).toEqual([3, true]);
  expect(kit.apply(link("c", "none"))).toMatchObject([{ kind: "stale", path: "c" }]);
  kit.apply(symlink("s", "a"), link("s2", "s"));
  expect([kit.stat("s2").ino === kit.stat("s").ino, readlinkSync(kit.path("s2"))]).toEqual([true, "a"]);
});

test("a rename replaces files, empty and full directories, and other types", () => {
  kit.apply(file("a", "A"), file("b", "B"), rename("a", "b"));
  expect([readdirSync(kit.target), readFileSync(kit.path("b"), "utf8")]).toEqual([["b"], "A"]);
  kit.apply(dir("d"), file("d/x", "x"), dir("full"), file("full/y", "y"), rename("d", "full", "dir"));
  expect(readdirSync(kit.path("full"))).toEqual(["x"]);
  kit.apply(rename("b", "full"));
  expect(readFileSync(kit.path("full"), "utf8")).toBe("A");
  kit.apply(dir("e"), file("e/1", "1"), rename("e", "full", "dir"), file("full/2", "2"));
  expect(readdirSync(kit.path("full")).sort()).toEqual(["1", "2"]);
});

test("a rename onto another name of the same inode removes the old name", () => {
  kit.apply(file("a", "x"), link("b", "a"), rename("a", "b"));
  expect(readdirSync(kit.target)).toEqual(["b"]);
});

test("a rename that does not fit is stale, and nothing is lost by it", () => {
  kit.apply(dir("a"), dir("a/b"), file("a/b/f", "x"));
  expect(kit.apply(rename("none", "x"))).toMatchObject([{ path: "none" }, { kind: "stale", path: "x" }]);
  // It is still there under a name that the source has no more.
  const places = [
    { kind: "stale", path: "a/b/f" },
    { kind: "stale", path: "no/where" },
  ];
  expect(kit.apply(rename("a/b/f", "no/where"))).toMatchObject(places);
  expect(kit.apply(rename("a/b", "a", "dir"))).toMatchObject([{ kind: "stale" }, { kind: "stale", path: "a" }]);
  expect(kit.apply(rename("a", "a/b/c", "dir"))).toMatchObject([{ kind: "stale" }, { kind: "stale" }]);
  expect(existsSync(kit.path("a/b/f"))).toBe(true);
});

test.each([
  ["link", link("b", "missing")],
  ["rename", rename("missing", "b")],
])("a %s that does not fit leaves no shared name behind: a change that builds on it reaches no other name", (_what, change) => {
  kit.apply(file("a", "aaaaa"), link("b", "a"));
  const base = { size: 5, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 };
  expect(kit.apply(patch("b", base, [], 5, meta()))).toEqual([]);
  const answers = kit.apply(change, patch("b", base, [[0, "bbbbb"]], 5, meta()));
  expect(answers).toContainEqual(expect.objectContaining({ kind: "stale", path: "b" }));
  expect(readFileSync(kit.path("a"), "utf8")).toBe("aaaaa");
  expect(existsSync(kit.path("b"))).toBe(false);
});

test("changes below a directory that was renamed in the same set find it at its new place", () => {
  kit.apply(dir("a"), dir("a/b"), file("a/b/1", "1"), rename("a", "z", "dir"), file("z/b/2", "2"), dir("a"), dir("a/b"), file("a/b/3", "3"));
  expect([readdirSync(kit.path("z/b")).sort(), readdirSync(kit.path("a/b"))]).toEqual([["1", "2"], ["3"]]);
});

test("removal takes whole trees, links as links, and the absent as done", () => {
  mkdirSync(`${kit.directory}/outside`);
  writeFileSync(`${kit.directory}/outside/f`, "keep");
  kit.apply(dir("d"), dir("d/e"), file("d/e/f", "x"), symlink("d/out", `${kit.directory}/outside`), remove("d"), remove("d"), remove("no/such/parent"));
  expect(existsSync(kit.path("d"))).toBe(false);
  expect(readFileSync(`${kit.directory}/outside/f`, "utf8")).toBe("keep");
});

test("the mapped directory itself is never removed, moved or turned into something else", () => {
  kit.apply(file("a", "x"));
  expect(kit.apply(remove(""), rename("", "b"), link("", "a"), file("", "x"), symlink("", "x"))).toMatchObject(Array(5).fill({ kind: "problem" }));
  expect(kit.apply({ op: "attr", root: 0, path: bp(""), type: "dir", base: null, meta: meta({ mode: 0o700, mtimeSec: 9 }) })).toEqual([]);
  expect(statSync(kit.target).mtimeMs).toBe(9123.456789);
});

test("attr sets owner, mode, attributes and time; another type is stale", () => {
  kit.apply(file("a", "x"), symlink("l", "a"));
  const attr = (path: string, type: "file" | "symlink"): Change => ({
    op: "attr",
    root: 0,
    path: bp(path),
    type,
    base: null,
    meta: meta({ mode: 0o600, uid: 3, gid: 4, xattrs: type === "file" ? [["user.a", Buffer.alloc(0)]] : [] }),
  });
  expect(kit.apply(attr("a", "file"), attr("l", "symlink"))).toEqual([]);
  expect(kit.stat("a")).toMatchObject({ uid: 3, gid: 4, mtimeNsec: 123_456_789 });
  expect(kit.stat("l")).toMatchObject({ uid: 3, gid: 4, mtimeNsec: 123_456_789 });
  expect(readXattrs(kit.path("a"))).toEqual([["user.a", Buffer.alloc(0)]]);
  expect(kit.apply(attr("l", "file"), attr("none", "file"))).toMatchObject([
    { kind: "stale", path: "l" },
    { kind: "stale", path: "none" },
  ]);
});

test("attr on a file that was edited by hand is stale; applied twice it is not", () => {
  kit.apply(file("a", "x"));
  const base = { size: 1, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 };
  const attr: Change = { op: "attr", root: 0, path: bp("a"), type: "file", base, meta: meta({ mode: 0o600, mtimeSec: 7 }) };
  expect([kit.apply(attr), kit.apply(attr)]).toEqual([[], []]);
  writeFileSync(kit.path("a"), "y");
  expect(kit.apply(attr)).toMatchObject([{ kind: "stale", path: "a" }]);
});

test("links into the set are remapped, others are not", () => {
  kit.apply(symlink("a", "/source/data/x"), symlink("b", "/source/database"), symlink("c", "source/data"), symlink("d", "/source/data"));
  const read = (name: string): string => readlinkSync(kit.path(name));
  expect([read("a"), read("b"), read("c"), read("d")]).toEqual([`${kit.target}/x`, "/source/database", "source/data", kit.target]);
});

test("names are bytes: newline, invalid UTF-8, 255 bytes", () => {
  const names = ["new\nline", "bad\xff\xfe", "\xc3\xa9", "n".repeat(255), " ", "-rf", "\\"];
  kit.apply(...names.map((name) => file(name, name)));
  const found = readdirSync(kit.target, { encoding: "latin1" });
  expect(found.sort()).toEqual([...names].sort());
  kit.apply(...names.map((name) => remove(name)));
  expect(readdirSync(kit.target)).toEqual([]);
});
