import { mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import xxhash from "@node-rs/xxhash";
import { afterEach, beforeEach, expect, test } from "vitest";
import { xattrDigest } from "../../src/fs/xattrs.js";
import type { CompareAnswer, CompareChange, EntrySummary, Meta, SumsAnswer } from "../../src/model/change.js";
import { ApplyKit, bp, dir, entry, file, link, meta, symlink } from "../support/apply-kit.js";

let kit: ApplyKit;
beforeEach(() => {
  kit = new ApplyKit({ matcher: (_, path) => !path.endsWith(".excluded") });
});
afterEach(() => kit.close());

interface Slice {
  readonly from?: string;
  readonly until?: string;
  readonly extras?: CompareChange["extras"];
  readonly meta?: Meta;
  readonly asksShared?: boolean;
}

function compare(
  path: string,
  entries: readonly EntrySummary[],
  { from = "", until = "", extras = "keep", meta = undefined, asksShared = true }: Slice = {},
): CompareAnswer {
  const [answer] = kit.apply({ op: "compare", root: 0, path: bp(path), entries, from, until, extras, meta: meta ?? null, asksShared });
  if (answer?.kind !== "compare") throw new Error(`no compare answer: ${JSON.stringify(answer)}`);
  return answer;
}

const dirEntry = (name: string): EntrySummary => entry(name, { type: "dir", mode: 0o755 });

test("equal entries of every kind differ in nothing", () => {
  const note: Meta["xattrs"] = [["user.note", Buffer.from("x")]];
  kit.apply(
    file("f", "abc", { xattrs: note }),
    symlink("l", "/source/data/f"),
    { op: "special", root: 0, path: bp("p"), kind: "fifo", major: 0, minor: 0, meta: meta() },
    link("f2", "f"),
    dir("d"),
  );
  kit.apply({ op: "special", root: 0, path: bp("n"), kind: "char", major: 1, minor: 3, meta: meta() });
  const entries = [
    entry("f", { size: 3, xattrDigest: xattrDigest(note) }),
    entry("f2", { size: 3, xattrDigest: xattrDigest(note), linkTo: bp("f") }),
    entry("l", { type: "symlink", mode: 0o777, detail: "/source/data/f" }),
    entry("p", { type: "special", detail: "fifo" }),
    entry("n", { type: "special", detail: "char:1:3" }),
    dirEntry("d"),
  ];
  expect(compare("", entries).differs).toEqual([]);
});

test("each difference is told by its kind", () => {
  kit.apply(...["size", "time", "mode", "owner", "xattr", "suspect", "type", "equal"].map((name) => file(name, "abc")), symlink("l", "a"), dir("d"));
  const three = { size: 3 };
  const entries = [
    entry("size", { size: 4 }),
    entry("time", { ...three, mtimeNsec: 123_456_788 }),
    entry("mode", { ...three, mode: 0o600 }),
    entry("owner", { ...three, uid: 1 }),
    entry("xattr", { ...three, xattrDigest: 7 }),
    entry("suspect", { ...three, suspect: true }),
    dirEntry("type"),
    entry("equal", three),
    entry("l", { type: "symlink", mode: 0o777, detail: "b" }),
    entry("d", { type: "dir", mode: 0o755, mtimeSec: 1 }),
    entry("gone", three),
    entry("time2", { ...three, linkTo: bp("time") }),
  ];
  expect(Object.fromEntries(compare("", entries).differs.map(({ name, why }) => [name, why]))).toEqual({
    size: "content",
    time: "content",
    mode: "attr",
    owner: "attr",
    xattr: "attr",
    suspect: "content",
    type: "type",
    l: "content",
    d: "attr",
    gone: "missing",
    time2: "missing",
  });
  expect(compare("", [entry("size", { size: 3, linkTo: bp("mode") })]).differs).toEqual([{ name: "size", why: "link" }]);
});

test("names that share an inode with others are told with it, but for further names that are linked as they should be", () => {
  kit.apply(file("a", "abc"), link("a2", "a"), link("stranger", "a"), file("b", "abc"), link("b2", "b"), file("alone", "abc"));
  const three = { size: 3 };
  const entries = [
    entry("a", three),
    entry("a2", { ...three, linkTo: bp("a") }),
    entry("alone", three),
    entry("b", { ...three, mode: 0o600 }),
    entry("b2", { ...three, linkTo: bp("a") }),
    entry("stranger", { type: "special", detail: "fifo" }),
  ];
  const { differs, shared = [] } = compare("", entries);
  expect(differs).toEqual([
    { name: "b", why: "link" },
    { name: "b2", why: "link" },
    { name: "stranger", why: "type" },
  ]);
  expect(shared.map(({ name, links }) => [name, links])).toEqual([
    ["a", 3],
    ["b", 2],
    ["b2", 2],
    ["stranger", 3],
  ]);
  const inodes = Object.fromEntries(shared.map(({ name, inode }) => [name, inode]));
  expect([inodes.a === inodes.stranger, inodes.b === inodes.b2, inodes.a === inodes.b]).toEqual([true, true, false]);
  expect(compare("", [entry("alone", three)])).not.toHaveProperty("shared");
  expect(compare("", entries, { asksShared: false })).not.toHaveProperty("shared");
});

test("a symbolic link or a FIFO with further names is made anew, not kept with them", () => {
  kit.apply(symlink("l", "x"), link("l2", "l"), { op: "special", root: 0, path: bp("p"), kind: "fifo", major: 0, minor: 0, meta: meta() }, link("p2", "p"));
  kit.apply(symlink("l", "x"), { op: "special", root: 0, path: bp("p"), kind: "fifo", major: 0, minor: 0, meta: meta() });
  expect(["l", "l2", "p", "p2"].map((name) => kit.stat(name).nlink)).toEqual([1, 1, 1, 1]);
});

test("the directory itself: attributes, absence, another type", () => {
  kit.apply(dir("d"), file("f", ""));
  const own = meta({ mode: 0o755 });
  expect(compare("d", [], { meta: own }).differs).toEqual([]);
  expect(compare("d", [], { meta: { ...own, mode: 0o700 } }).differs).toEqual([{ name: "", why: "attr" }]);
  expect(compare("none", [entry("x")], { meta: own }).differs).toEqual([{ name: "", why: "missing" }]);
  expect(compare("f", [], { meta: own }).differs).toEqual([{ name: "", why: "type" }]);
});

test("a slice holds the names from `from` up to, not including, `until`, in byte order", () => {
  kit.apply(...["a", "b", "c", "\xff"].map((name) => file(name, "")));
  expect(compare("", [], { from: "b", until: "c", extras: "report" }).extras).toEqual(["b"]);
  expect(compare("", [entry("b")], { from: "b", extras: "report" }).extras).toEqual(["c", "\xff"]);
  expect(compare("", [], { until: "b", extras: "keep" }).extras).toEqual([]);
});

test("extras found before replication, or excluded, or holding such, are never removed; others are", () => {
  mkdirSync(`${kit.target}/theirs/deep`, { recursive: true });
  writeFileSync(`${kit.target}/theirs/deep/f`, "");
  writeFileSync(`${kit.target}/new\nline\\`, "");
  expect(compare("", [], { extras: "report" }).extras).toEqual(["new\nline\\", "theirs"]);
  kit.apply(
    file("ours", ""),
    dir("our-dir"),
    file("our-dir/f", ""),
    dir("mixed"),
    file("mixed/f", ""),
    file("x.excluded", ""),
    dir("holds"),
    file("holds/x.excluded", ""),
  );
  writeFileSync(`${kit.target}/mixed/theirs`, "");
  compare("mixed", [entry("f")], { extras: "report" });
  kit.reopen();
  const answer = compare("", [], { extras: "remove" });
  expect([answer.extras, answer.removed]).toEqual([["holds", "mixed", "new\nline\\", "theirs", "x.excluded"], 2]);
  expect(readdirSync(kit.target).sort()).toEqual(["holds", "mixed", "new\nline\\", "theirs", "x.excluded"]);
});

test("what replication writes becomes its own; what others put beside it stays theirs, also under another name", () => {
  mkdirSync(`${kit.target}/d`, { recursive: true });
  for (const name of ["f", "d/in"]) writeFileSync(`${kit.target}/${name}`, "");
  compare("", [], { extras: "report" });
  kit.apply(file("f", "ours now"), dir("d"), file("d/new", ""), { op: "rename", root: 0, path: bp("d"), to: bp("e"), type: "dir" });
  expect(compare("e", [], { extras: "remove" })).toMatchObject({ extras: ["in"], removed: 1 });
  expect(compare("", [], { extras: "remove" })).toMatchObject({ extras: ["e"], removed: 1 });
  kit.apply({ op: "remove", root: 0, path: bp("e") }, dir("e"), file("e/in", ""));
  expect(compare("", [], { extras: "remove" })).toMatchObject({ extras: [], removed: 1 });
});

test("extras are removed as they are: links, not what they lead to", () => {
  mkdirSync(`${kit.directory}/outside`);
  writeFileSync(`${kit.directory}/outside/f`, "");
  kit.apply(file("a", ""));
  symlinkSync(`${kit.directory}/outside`, kit.path("l"));
  expect(compare("", [], { extras: "remove" }).removed).toBe(2);
  expect(readdirSync(`${kit.directory}/outside`)).toEqual(["f"]);
});

test("block signatures of data, holes and a short last block", () => {
  const block = 65_536;
  const content = Buffer.concat([Buffer.alloc(block, 1), Buffer.alloc(40 * block), Buffer.from("tail")]);
  kit.apply({
    op: "file",
    root: 0,
    path: bp("f"),
    start: "replace",
    base: null,
    continues: false,
    extents: [
      [0, block],
      [41 * block, 4],
    ],
    holes: [],
    size: content.length,
    meta: meta(),
    payload: Buffer.concat([content.subarray(0, block), Buffer.from("tail")]),
  });
  const [answer] = kit.apply({ op: "sums", root: 0, path: bp("f") }) as [SumsAnswer];
  expect(answer.base).toEqual({ size: content.length, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 });
  expect(answer.sums.length).toBe(42 * 8);
  for (let i = 0; i < 42; i++) expect(answer.sums.readBigUInt64LE(i * 8), `block ${i}`).toBe(xxhash.xxh64(content.subarray(i * block, (i + 1) * block)));
  expect(kit.apply({ op: "sums", root: 0, path: bp("none") })).toMatchObject([{ kind: "sums", base: null }]);
});

test("two thousand equal entries are compared in one slice, and nothing is said of them", () => {
  const names = Array.from({ length: 2000 }, (_, i) => `file-${String(i).padStart(4, "0")}`);
  kit.apply(...names.map((name) => file(name, "")));
  const entries = names.map((name) => entry(name));
  const answer = compare("", entries, { extras: "report" });
  expect([answer.differs, answer.extras]).toEqual([[], []]);
});

test("after a crash of the machine, what was written since the last durable point is compared by content", () => {
  kit.close();
  const crashed = new ApplyKit({ bootId: "one" });
  kit = crashed;
  kit.apply(file("old", "1"), file("new", "2"));
  utimesSync(kit.path("old"), 5, 5);
  kit.reopen({ bootId: "two" });
  expect(kit.engine.begin("0123456789abcdef")).toMatchObject({ appliedSeq: 0, durableSeq: 0, resumed: false, suspect: true });
  kit.seq = 0;
  expect(compare("", [entry("new", { size: 1 })]).differs).toEqual([{ name: "new", why: "content" }]);
  expect(kit.engine.begin("0123456789abcdef")).toMatchObject({ resumed: true, suspect: false });
  rmSync(kit.path("old"));
});

test("what is found in place of a difference is told without a word on extras lost: a mirror's are noted or removed, a look's only told", () => {
  kit.apply(file("a", "abc"), file("gone", "x"), file("old.excluded", "y"));
  const asked = { op: "compare", root: 0, path: bp(""), entries: [entry("a", { size: 4 })], from: "", until: "", meta: null, asksShared: true } as const;
  const tell = (extras: CompareChange["extras"], settlesExtras: boolean): CompareAnswer => {
    const [answer] = kit.apply({ ...asked, extras, asksFound: true, settlesExtras });
    if (answer?.kind !== "compare") throw new Error("no compare answer");
    return answer;
  };
  expect(tell("remove", false)).toMatchObject({ extras: ["gone"], removed: 0, differs: [{ name: "a", why: "content", found: { size: 3 } }] });
  expect(readdirSync(kit.target).sort()).toEqual(["a", "gone", "old.excluded"]);
  expect(tell("remove", true)).toMatchObject({ extras: ["old.excluded"], removed: 1, differs: [{ found: { size: 3 } }] });
  expect(readdirSync(kit.target).sort()).toEqual(["a", "old.excluded"]);
  writeFileSync(`${kit.target}/theirs`, "was here");
  expect(tell("report", false)).toMatchObject({ extras: ["theirs"] });
  expect(tell("remove", false)).toMatchObject({ extras: ["theirs"] });
  expect(tell("report", true)).toMatchObject({ extras: ["old.excluded", "theirs"] });
  expect(tell("remove", false)).toMatchObject({ extras: [] });
  expect(tell("remove", true)).toMatchObject({ removed: 0 });
  expect(readdirSync(kit.target).sort()).toEqual(["a", "old.excluded", "theirs"]);
});
