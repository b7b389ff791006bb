import fs from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Change, FileChange } from "../../src/model/change.js";
import { compareTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { outline, payloadBytes, SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1 << 20;
const isRoot = process.getuid?.() === 0;

interface Planted {
  readonly kit: SourceKit;
  readonly path: (name: string) => string;
}

/** A source with these files ("x/" = a directory), mirrored: the engine knows them, their content too. */
async function planted(files: Readonly<Record<string, string | Buffer>>, options: Parameters<typeof SourceKit.start>[0] = {}): Promise<Planted> {
  const root = options.root ?? join(makeTempDirectory(), "source");
  fs.mkdirSync(root, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    fs.mkdirSync(name.endsWith("/") ? path : join(path, ".."), { recursive: true });
    if (!name.endsWith("/")) fs.writeFileSync(path, content);
  }
  // Of a file as young as one tick of the clock, equal times prove nothing.
  const plantedAt = Date.now();
  await eventually(() => expect(Date.now() - plantedAt).toBeGreaterThan(30), { intervalMs: 5 });
  const kit = SourceKit.start({ ...options, root });
  await kit.mirror("full");
  kit.sets.length = 0;
  return { kit, path: (name) => join(root, name) };
}

function isFile(change: Change): change is FileChange {
  return change.op === "file";
}

test("a renamed file travels as a rename, not as content", async () => {
  const { kit, path } = await planted({ "d/a": "x".repeat(1000), "e/": "" });
  const changes = await kit.changesOf(() => fs.renameSync(path("d/a"), path("e/b")));
  expect(outline(changes)).toEqual(["rename d/a -> e/b"]);
});

test("a renamed directory of 1,000 files is one rename", async () => {
  const { kit, path } = await planted(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`d/f${i}`, `${i}`])));
  const changes = await kit.changesOf(() => fs.renameSync(path("d"), path("e")));
  expect(outline(changes)).toEqual(["rename d -> e"]);
  expect(kit.engine.totals.files).toBe(1000);
});

test("names that trade places: no content travels", async () => {
  const { kit, path } = await planted({ a: "a", b: "b", "d/x": "x", "e/y": "y" });
  const swap = (one: string, other: string): void => {
    fs.renameSync(path(one), path("t"));
    fs.renameSync(path(other), path(one));
    fs.renameSync(path("t"), path(other));
  };
  const files = await kit.changesOf(() => swap("a", "b"));
  expect(files.filter((change) => change.op === "rename")).toHaveLength(3);
  expect(payloadBytes(files)).toBe(0);
  const directories = await kit.changesOf(() => swap("d", "e"));
  expect(directories.filter((change) => change.op === "rename")).toHaveLength(3);
  expect(payloadBytes(directories)).toBe(0);
  expect(directories.some((change) => change.op === "remove")).toBe(false);
});

test("a chain of renames ends where it ends", async () => {
  const { kit, path } = await planted({ a: "a" });
  const changes = await kit.changesOf(() => {
    fs.renameSync(path("a"), path("b"));
    fs.renameSync(path("b"), path("c"));
  });
  expect(outline(changes)).toEqual(["rename a -> c"]);
});

test("a shifted row of names (b to c, a to b) keeps content off the wire", async () => {
  const { kit, path } = await planted({ a: "1", b: "2" });
  const changes = await kit.changesOf(() => {
    fs.renameSync(path("b"), path("c"));
    fs.renameSync(path("a"), path("b"));
  });
  expect(payloadBytes(changes)).toBe(0);
});

test("a directory moved into its former child converges without content", async () => {
  const target = join(makeTempDirectory(), "target");
  const { kit, path } = await planted({ "a/b/f": "f", "a/g": "g" }, { target });
  const changes = await kit.changesOf(() => {
    fs.renameSync(path("a/b"), path("b"));
    fs.renameSync(path("a"), path("b/a"));
  });
  expect(payloadBytes(changes)).toBe(0);
  expect(outline(changes).filter((line) => line.startsWith("remove"))).toEqual([]);
  await kit.settle();
  expect(await compareTrees(kit.root, target)).toEqual([]);
});

test("hard links come and go as links", async () => {
  const { kit, path } = await planted({ a: "content" });
  expect(outline(await kit.changesOf(() => fs.linkSync(path("a"), path("b"))))).toEqual(["link b -> a"]);
  expect(outline(await kit.changesOf(() => fs.unlinkSync(path("a"))))).toEqual(["remove a"]);
  const edited = await kit.changesOf(() => fs.appendFileSync(path("b"), "!"));
  expect(outline(edited)).toEqual(["file b"]);
});

test("a file becomes a directory and the other way round", async () => {
  const target = join(makeTempDirectory(), "target");
  const { kit, path } = await planted({ f: "file", "d/x": "x" }, { target });
  fs.unlinkSync(path("f"));
  fs.mkdirSync(path("f"));
  fs.writeFileSync(path("f/in"), "in");
  fs.rmSync(path("d"), { recursive: true });
  fs.writeFileSync(path("d"), "now a file");
  await kit.settle();
  expect(await compareTrees(kit.root, target)).toEqual([]);
});

test("an edit that keeps size and mtime is shipped", async () => {
  const { kit, path } = await planted({ a: "before" });
  const { atime, mtime } = fs.statSync(path("a"));
  const [change] = await kit.changesOf(() => {
    fs.writeFileSync(path("a"), "after!");
    fs.utimesSync(path("a"), atime, mtime);
  });
  expect(change?.op === "file" && change.payload.toString()).toBe("after!");
});

test("two edits within one tick of the clock are both seen", async () => {
  const { kit, path } = await planted({ a: "0" });
  for (let i = 1; i <= 20; i++) {
    const files = (await kit.changesOf(() => fs.writeFileSync(path("a"), String(i % 10)))).filter(isFile);
    expect(files.at(-1)?.payload.toString()).toBe(String(i % 10));
  }
});

test("of a large file only the blocks that changed travel", async () => {
  const { kit, path } = await planted({ seed: "" });
  const big = Buffer.alloc(5 * MiB, 7);
  expect(payloadBytes(await kit.changesOf(() => fs.writeFileSync(path("big"), big)))).toBe(big.length);
  const appended = await kit.changesOf(() => fs.appendFileSync(path("big"), "tail"));
  expect(payloadBytes(appended)).toBe(4);
  const edited = await kit.changesOf(() => {
    const fd = fs.openSync(path("big"), "r+");
    fs.writeSync(fd, "edit", 65_534);
    fs.closeSync(fd);
  });
  expect(payloadBytes(edited)).toBe(2 * 65_536);
  const touched = await kit.changesOf(() => fs.utimesSync(path("big"), 1, 1));
  expect(payloadBytes(touched)).toBe(0);
});

test("holes do not travel: in new files, small and large, and in files that grow or are punched", async () => {
  const { kit, path } = await planted({ grows: "small" });
  const changes = await kit.changesOf(() => {
    for (const [name, size] of [
      ["small", 200_000],
      ["large", 64 * MiB],
    ] as const) {
      const fd = fs.openSync(path(name), "w");
      fs.writeSync(fd, "data", size / 2);
      fs.ftruncateSync(fd, size);
      fs.closeSync(fd);
    }
    fs.truncateSync(path("grows"), 32 * MiB);
  });
  expect(changes.filter((change) => isFile(change) && change.meta !== null && change.start === "patch").map(({ path: at }) => at)).toEqual(["large", "grows"]);
  expect(payloadBytes(changes)).toBeLessThan(4 * 65_536);
});

test("a new large file is its owner's from the first moment, with no right that its content gives, or that an attribute narrows", async () => {
  const { kit, path } = await planted({});
  const changes = await kit.changesOf(() => {
    fs.writeFileSync(path("large"), Buffer.alloc(MiB, "x"));
    if (isRoot) fs.chownSync(path("large"), 1234, 77);
    fs.chmodSync(path("large"), 0o4750);
  });
  const [first, ...pieces] = changes.filter(isFile);
  const owner = isRoot ? { uid: 1234, gid: 77 } : {};
  expect(first).toMatchObject({ path: "large", start: "replace", size: 0, meta: { mode: 0o750, xattrs: [], ...owner } });
  expect(pieces.every(({ start, size }) => start === "patch" && size === MiB)).toBe(true);
  expect(pieces.map(({ meta }) => meta?.mode ?? null)).toEqual([...pieces.slice(1).map(() => null), 0o4750]);
});

test("excluded names are never shipped; a rename across the border ships or removes", async () => {
  const rules = (root: string) => [
    { path: `${root}/*.tmp`, mode: "exclude", recursive: false } as const,
    { path: `${root}/cache`, mode: "exclude", recursive: true } as const,
  ];
  const { kit, path } = await planted({ "cache/x": "x", "a.tmp": "t", a: "a" }, { rules });
  const quiet = await kit.changesOf(() => {
    fs.writeFileSync(path("b.tmp"), "t");
    fs.writeFileSync(path("cache/y"), "y");
    fs.writeFileSync(path("a.tmp"), "t2");
  });
  expect(outline(quiet)).toEqual([]);
  expect(outline(await kit.changesOf(() => fs.renameSync(path("a.tmp"), path("c"))))).toEqual(["file c"]);
  expect(outline(await kit.changesOf(() => fs.renameSync(path("a"), path("a.tmp"))))).toEqual(["remove a"]);
});

test("a directory renamed to a place with other rules: what is no more in the set goes, what came into it comes", async () => {
  const rules = (root: string) => [{ path: `${root}/plain/*.log`, mode: "exclude", recursive: true } as const];
  const { kit, path } = await planted({ "other/a.log": "log", "other/b": "b" }, { rules });
  expect(outline(await kit.changesOf(() => fs.renameSync(path("other"), path("plain")))).sort()).toEqual(["remove plain/a.log", "rename other -> plain"]);
  expect(outline(await kit.changesOf(() => fs.renameSync(path("plain"), path("other")))).sort()).toEqual(["file other/a.log", "rename plain -> other"]);
});

test("a file that cannot be read is a problem; the rest goes on, and it comes when it can be read", async () => {
  const { kit, path } = await planted({ "d/x": "x" });
  for (let up = kit.root; up !== "/" && up !== "/tmp"; up = join(up, "..")) fs.chmodSync(up, 0o755);
  fs.writeFileSync(path("secret"), "s", { mode: 0o600 });
  fs.writeFileSync(path("open"), "o", { mode: 0o644 });
  let changes: readonly Change[];
  process.seteuid?.(65_534);
  try {
    changes = await kit.barrier();
  } finally {
    process.seteuid?.(0);
  }
  expect(outline(changes)).toContain("file open");
  expect(outline(changes)).not.toContain("file secret");
  expect(kit.problems).toContainEqual({ path: "secret", code: "FS_DENIED" });
  expect(outline(await kit.barrier())).toContain("file secret");
});

test("what cannot be looked at for now is not removed on the target", async () => {
  const { kit, path } = await planted({ "d/x": "x" });
  for (let up = kit.root; up !== "/" && up !== "/tmp"; up = join(up, "..")) fs.chmodSync(up, 0o755);
  fs.chmodSync(path("d"), 0o744);
  process.seteuid?.(65_534);
  try {
    expect(outline(await kit.barrier())).toEqual([]);
  } finally {
    process.seteuid?.(0);
  }
});

test("a root replaced by another directory ends the engine: nothing of it is shipped, nothing is removed", async () => {
  const { kit, path } = await planted({ a: "a", "d/x": "x" });
  fs.renameSync(kit.root, `${kit.root}-away`);
  fs.mkdirSync(kit.root);
  fs.writeFileSync(path("impostor"), "i");
  void kit.engine.barrier(1);
  expect(await kit.failure()).toMatchObject({ code: "ROOT_CHANGED" });
  expect(kit.sets).toEqual([]);
});

test("a root that vanished ends the engine, even while it works on what it has seen", async () => {
  const { kit, path } = await planted({ a: "a", "d/x": "x" });
  fs.rmSync(path("a"));
  kit.engine.pushFacts([{ kind: "name", root: 0, path: "a" as never }]);
  fs.renameSync(kit.root, `${kit.root}-away`);
  expect(await kit.failure()).toMatchObject({ code: "ROOT_MISSING" });
  expect(outline(kit.sets.flatMap((set) => set.changes))).toEqual([]);
});

test("a directory above that is renamed while its new content is shipped takes nobody's times", async () => {
  const target = join(makeTempDirectory(), "target");
  const deed = { isDue: false };
  const onSet = (): void => {
    if (deed.isDue) fs.renameSync(path("a"), path("c"));
    deed.isDue = false;
  };
  const { kit, path } = await planted({ "a/seed": "" }, { target, onSet });
  fs.mkdirSync(path("a/b/new"), { recursive: true });
  fs.writeFileSync(path("a/b/new/big"), Buffer.alloc(3 * MiB, 1));
  fs.writeFileSync(path("a/b/new/small"), "s");
  // Old enough that its times are believed.
  const made = Date.now();
  await eventually(() => expect(Date.now() - made).toBeGreaterThan(40), { intervalMs: 5 });
  deed.isDue = true;
  await kit.settle();
  expect(deed.isDue).toBe(false);
  await kit.settle();
  expect(await compareTrees(kit.root, target)).toEqual([]);
});

test("sockets are passed over", async () => {
  const { kit, path } = await planted({ a: "a" });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path("sock"), resolve));
  expect(outline(await kit.barrier())).toEqual([]);
  await new Promise((resolve) => server.close(resolve));
});

test("directories moved into each other, level by level, are all found by one barrier", async () => {
  const depth = 8;
  const { kit, path } = await planted(Object.fromEntries(Array.from({ length: depth }, (_, i) => [`d${i}/f`, `${i}`])));
  const changes = await kit.changesOf(() => {
    // Each goes into one that has moved itself.
    for (let i = depth - 1; i > 0; i--) fs.renameSync(path(`d${i}`), path(`d${i - 1}/in`));
    fs.renameSync(path("d0"), path("e0"));
  });
  expect(payloadBytes(changes)).toBe(0);
  expect(outline(changes).filter((line) => line.startsWith("rename"))).toHaveLength(depth);
});
