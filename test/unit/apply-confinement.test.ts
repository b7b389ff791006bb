import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Answer, Change } from "../../src/model/change.js";
import { ApplyKit, bp, dir, file, frame, link, meta, patch, remove, rename, symlink } from "../support/apply-kit.js";

let kit: ApplyKit;
beforeEach(() => {
  kit = new ApplyKit();
  mkdirSync(`${kit.directory}/outside/sub`, { recursive: true });
  writeFileSync(`${kit.directory}/outside/secret`, "secret", { mode: 0o600 });
});
afterEach(() => kit.close());

function outside(): unknown {
  return [readdirSync(`${kit.directory}/outside`).sort(), readFileSync(`${kit.directory}/outside/secret`, "utf8")];
}

test("no change goes through a link planted in place of a directory; the directory change puts it right", () => {
  const before = outside();
  kit.apply(dir("d"), dir("d/e"));
  rmSync(kit.path("d"), { recursive: true });
  symlinkSync(`${kit.directory}/outside`, kit.path("d"));
  const attr: Change = { op: "attr", root: 0, path: bp("d/secret"), type: "file", base: null, meta: meta({ mode: 0o777 }) };
  const compare: Change = { op: "compare", root: 0, path: bp("d"), entries: [], from: "", until: "", extras: "remove", meta: null, asksShared: true };
  const sums: Change = { op: "sums", root: 0, path: bp("d/secret") };
  const changes = [
    file("d/evil", "x"),
    patch("d/secret", null, [[0, "x"]], 1, meta()),
    dir("d/sub/new"),
    symlink("d/l", "x"),
    remove("d/secret"),
    rename("d/secret", "x"),
    link("x", "d/secret"),
    attr,
    file("d/sub/deep", "x"),
  ];
  const answers = kit.apply(...changes, compare, sums);
  expect(outside()).toEqual(before);
  expect(readdirSync(`${kit.directory}/outside/sub`)).toEqual([]);
  expect(answers.filter((a: Answer) => a.kind === "stale" && a.path === "d").length).toBeGreaterThan(3);
  expect(answers).toContainEqual({ kind: "compare", seq: kit.seq, root: 0, path: "d", differs: [{ name: "", why: "type" }], extras: [], removed: 0 });
  expect(kit.apply(dir("d"), file("d/evil", "x"))).toEqual([]);
  expect([outside(), readdirSync(kit.path("d"))]).toEqual([before, ["evil"]]);
});

test("a link planted in place of a file is replaced, never written through", () => {
  const before = outside();
  kit.apply(file("f", "x"));
  rmSync(kit.path("f"));
  symlinkSync(`${kit.directory}/outside/secret`, kit.path("f"));
  expect(
    kit.apply(patch("f", null, [[0, "x"]], 1, meta()), { op: "attr", root: 0, path: bp("f"), type: "file", base: null, meta: meta({ mode: 0o777 }) }),
  ).toMatchObject([{ kind: "stale" }, { kind: "stale" }]);
  expect(kit.apply(file("f", "new"))).toEqual([]);
  expect([outside(), readFileSync(kit.path("f"), "utf8")]).toEqual([before, "new"]);
});

test("a file where a directory should be is named, and put right by the directory change", () => {
  kit.apply(file("d", "a file"));
  expect(kit.apply(file("d/x/y", "x"))).toMatchObject([
    { kind: "stale", path: "d" },
    { kind: "stale", path: "d/x/y" },
  ]);
  expect(kit.apply(file("none/y", "x"))).toMatchObject([{ kind: "stale", path: "none/y" }]);
});

test("removal stops at a mount, bind mounts included", () => {
  kit.apply(dir("d"), dir("d/mnt"), file("d/f", "x"));
  execFileSync("mount", ["--bind", `${kit.directory}/outside`, kit.path("d/mnt")]);
  try {
    expect(kit.apply(remove("d"))).toMatchObject([{ kind: "problem", path: "d/mnt", code: "EBUSY" }]);
    expect(outside()).toEqual([["secret", "sub"], "secret"]);
  } finally {
    execFileSync("umount", [kit.path("d/mnt")]);
  }
  expect(kit.apply(remove("d"))).toEqual([]);
});

test("removal stops at another mapped directory of the connection", () => {
  kit.close();
  const nested = new ApplyKit();
  const mappings = [
    { source: "/a", target: nested.target },
    { source: "/b", target: `${nested.target}/d/inner` },
  ];
  nested.reopen({ mappings });
  const inner: Change = { ...file("f", "x"), root: 1 };
  nested.apply(dir("d"));
  nested.apply(inner);
  expect(nested.apply(remove("d"))).toMatchObject([{ kind: "problem", path: "d/inner" }]);
  expect(existsSync(nested.path("d/inner/f"))).toBe(true);
  nested.close();
});

test("a root that vanished or was replaced stops everything before anything is written", () => {
  kit.apply(file("a", "x"));
  renameSync(kit.target, `${kit.target}.moved`);
  expect(() => kit.apply(file("b", "x"))).toThrowError(expect.objectContaining({ code: "ROOT_MISSING" }));
  mkdirSync(kit.target);
  expect(() => kit.engine.retry()).toThrowError(expect.objectContaining({ code: "ROOT_CHANGED" }));
  kit.reopen();
  kit.seq -= 1;
  expect(() => kit.apply(file("b", "x"))).toThrowError(expect.objectContaining({ code: "ROOT_CHANGED" }));
  expect(readdirSync(kit.target)).toEqual([]);
  rmSync(kit.target, { recursive: true });
  renameSync(`${kit.target}.moved`, kit.target);
  expect(kit.engine.retry()).toMatchObject({ kind: "applied" });
  expect(readdirSync(kit.target).sort()).toEqual(["a", "b"]);
});

test("a set that names a root that is not mapped is refused whole", () => {
  expect(() => kit.engine.applySet(frame(1, [file("a", "x"), { ...file("b", "x"), root: 1 }]))).toThrowError(expect.objectContaining({ code: "PROTOCOL" }));
  expect(existsSync(kit.path("a"))).toBe(false);
});
