import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { compareTrees } from "../support/compare-trees.js";
import { type Operation, runOperations } from "../support/fs-driver.js";
import { plantTree, type TreeLiteral, withTempDirectory as test, utf8 } from "../support/temp-tree.js";

const MTIME = 1_700_000_000_123_456_789n;
const isRoot = process.getuid?.() === 0;

const TREE: TreeLiteral = {
  "": { type: "directory", mtimeNs: MTIME },
  dir: { type: "directory", mode: 0o750, mtimeNs: MTIME },
  "dir/file": { type: "file", content: "content", mode: 0o640, mtimeNs: MTIME, xattrs: { "user.kept": "\x00\xff" } },
  "dir/other": { type: "hardlink", to: "dir/file" },
  "dir/third": { type: "file", content: "content", mode: 0o640, mtimeNs: MTIME },
  empty: { type: "directory", mtimeNs: MTIME },
  sparse: { type: "sparse", size: 4 << 20, extents: [{ offset: 1 << 20, seed: 1, length: 4096 }], mtimeNs: MTIME },
  link: { type: "symlink", target: "dir/file", mtimeNs: MTIME },
  pipe: { type: "fifo", mode: 0o600, mtimeNs: MTIME },
  "bytes\xff\n\x01": { type: "file", content: "x", mtimeNs: MTIME },
  [utf8("größe")]: { type: "file", seed: 7, length: 100_000, mtimeNs: MTIME },
  ...(isRoot
    ? {
        owned: { type: "file", content: "o", uid: 1234, gid: 4321, mode: 0o4755, mtimeNs: MTIME },
        device: { type: "character", major: 10, minor: 250, mtimeNs: MTIME },
        disk: { type: "block", major: 7, minor: 300, mtimeNs: MTIME },
      }
    : {}),
};

interface Difference {
  readonly name: string;
  readonly change: readonly Operation[];
  readonly found: readonly RegExp[];
  readonly needsRoot?: boolean;
}

const keepTimes = (...paths: string[]): Operation[] => paths.map((path) => ({ kind: "times", path, mtimeNs: MTIME }));

const DIFFERENCES: readonly Difference[] = [
  { name: "missing file", change: [{ kind: "unlink", path: "dir/third" }, ...keepTimes("dir")], found: [/^dir\/third: missing in the target \(file\)$/] },
  { name: "extra directory", change: [{ kind: "mkdir", path: "empty/new" }, ...keepTimes("empty")], found: [/^empty\/new: only in the target \(directory\)$/] },
  {
    name: "same size, same time, other bytes",
    change: [{ kind: "editInDisguise", path: "dir/third", offset: 2, data: "N" }],
    found: [/^dir\/third: sha256 /],
  },
  { name: "longer file", change: [{ kind: "append", path: "dir/third", data: "\0" }, ...keepTimes("dir/third")], found: [/: size 7 ≠ 8$/, /: sha256 /] },
  { name: "mode of a file", change: [{ kind: "chmod", path: "dir/third", mode: 0o600 }], found: [/^dir\/third: mode 0640 ≠ 0600$/] },
  { name: "mode of a directory", change: [{ kind: "chmod", path: "dir", mode: 0o1750 }], found: [/^dir: mode 0750 ≠ 01750$/] },
  { name: "mode of the root", change: [{ kind: "chmod", path: "", mode: 0o700 }], found: [/^\(root\): mode 0755 ≠ 0700$/] },
  { name: "one nanosecond", change: [{ kind: "times", path: "dir/third", mtimeNs: MTIME + 1n }], found: [/^dir\/third: mtime_ns \d+789 ≠ \d+790$/] },
  { name: "time of a directory", change: [{ kind: "times", path: "dir", mtimeNs: 5n }], found: [/^dir: mtime_ns /] },
  { name: "time of a symlink", change: [{ kind: "times", path: "link", mtimeNs: 5n }], found: [/^link: mtime_ns /] },
  { name: "owner", needsRoot: true, change: [{ kind: "chown", path: "dir/third", uid: 1, gid: -1 }], found: [/: uid 0 ≠ 1$/] },
  { name: "group of a symlink", needsRoot: true, change: [{ kind: "chown", path: "link", uid: -1, gid: 5 }], found: [/^link: gid 0 ≠ 5$/] },
  {
    name: "symlink target",
    change: [{ kind: "unlink", path: "link" }, { kind: "symlink", path: "link", target: "dir/file\xff" }, ...keepTimes("link", "")],
    found: [/^link: target dir\/file ≠ dir\/file\\xff$/],
  },
  { name: "xattr added", change: [{ kind: "setXattr", path: "empty", name: "user.a", value: "1" }], found: [/^empty: xattr user\.a absent ≠ 31$/] },
  {
    name: "xattr changed, seen at both names",
    change: [{ kind: "setXattr", path: "dir/file", name: "user.kept", value: "\x00" }],
    found: [/^dir\/file: xattr user\.kept 00ff ≠ 00$/, /^dir\/other: xattr user\.kept/],
  },
  {
    name: "hard link broken",
    change: [
      { kind: "unlink", path: "dir/other" },
      { kind: "create", path: "dir/other", data: "content" },
      { kind: "chmod", path: "dir/other", mode: 0o640 },
      { kind: "setXattr", path: "dir/other", name: "user.kept", value: "\x00\xff" },
      ...keepTimes("dir/other", "dir"),
    ],
    found: [/^dir\/file: hard links \[dir\/file = dir\/other\] ≠ \[\]$/, /^dir\/other: hard links /],
  },
  {
    name: "hard link too many",
    change: [{ kind: "unlink", path: "dir/third" }, { kind: "link", path: "dir/file", to: "dir/third" }, ...keepTimes("dir")],
    found: [/^dir\/file: hard links /, /^dir\/other: hard links /, /^dir\/third: xattr /, /^dir\/third: hard links /],
  },
  {
    name: "kind",
    change: [{ kind: "unlink", path: "pipe" }, { kind: "create", path: "pipe", data: "" }, ...keepTimes("pipe", "")],
    found: [/^pipe: type fifo ≠ file$/],
  },
  {
    name: "device number",
    needsRoot: true,
    change: [{ kind: "unlink", path: "device" }, { kind: "character", path: "device", major: 10, minor: 251 }, ...keepTimes("device", "")],
    found: [/^device: rdev 10:250 ≠ 10:251$/],
  },
  {
    name: "byte of a name",
    change: [{ kind: "rename", path: "bytes\xff\n\x01", to: "bytes\xfe\n\x01" }, ...keepTimes("")],
    found: [/^bytes\\xff\\n\\u0001: missing/, /^bytes\\xfe\\n\\u0001: only in the target/],
  },
];

test("two plantings of one literal are equal", async ({ directory }) => {
  plantTree(join(directory, "a"), TREE);
  plantTree(join(directory, "b"), TREE);
  expect(await compareTrees(join(directory, "a"), join(directory, "b"), { allocatedSlackBytes: 64 * 1024 })).toEqual([]);
});

for (const { name, change, found, needsRoot } of DIFFERENCES.filter((difference) => isRoot || difference.needsRoot !== true)) {
  test(`finds: ${name}${needsRoot === true ? " (root)" : ""}`, async ({ directory }) => {
    const [a, b] = [join(directory, "a"), join(directory, "b")];
    plantTree(a, TREE);
    plantTree(b, TREE);
    runOperations(b, change);
    const lines = await compareTrees(a, b);
    expect(lines).toHaveLength(found.length);
    for (const [index, pattern] of found.entries()) expect(lines[index]).toMatch(pattern);
  });
}

test("holes that were filled are found when asked for", async ({ directory }) => {
  const [a, b] = [join(directory, "a"), join(directory, "b")];
  const sparse = TREE.sparse as NonNullable<(typeof TREE)[string]>;
  plantTree(a, { sparse });
  plantTree(b, { sparse });
  runOperations(b, [{ kind: "write", path: "sparse", offset: 2 << 20, data: "\0".repeat(1 << 20) }, ...keepTimes("sparse")]);
  expect(await compareTrees(a, b, { ignoreRoot: true })).toEqual([]);
  expect(await compareTrees(a, b, { ignoreRoot: true, allocatedSlackBytes: 4096 })).toEqual([expect.stringMatching(/^sparse: allocated/)]);
});

test("sockets and excluded subtrees are left out", async ({ directory }) => {
  const [a, b] = [join(directory, "a"), join(directory, "b")];
  plantTree(a, { "": { type: "directory", mtimeNs: MTIME }, "x/y/z": "1", socket: { type: "socket" }, kept: { type: "file", mtimeNs: MTIME } });
  plantTree(b, { "": { type: "directory", mtimeNs: MTIME }, kept: { type: "file", mtimeNs: MTIME } });
  runOperations(a, keepTimes(""));
  expect(await compareTrees(a, b, { exclude: (path) => path === "x" })).toEqual([]);
});

test("a tree that cannot be read is an error, not an empty tree", async ({ directory }) => {
  mkdirSync(join(directory, "a"));
  await expect(compareTrees(join(directory, "a"), join(directory, "absent"))).rejects.toThrow(/absent/);
});
