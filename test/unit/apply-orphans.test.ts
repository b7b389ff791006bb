// Orphans on the target: what is told, what is removed, what stays, and what becomes of it when the process dies in between.

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freeName } from "../../src/apply/free-name.js";
import { WorkerOrphanDesk } from "../../src/apply/orphan-desk.js";
import type { OrphansAnswer, OrphansChange } from "../../src/model/change.js";
import { decodeChange, encodeChange } from "../../src/model/change-codec.js";
import { NO_ORPHANS } from "../../src/model/orphan-sums.js";
import { guardOf, NOTHING_SWEPT, orphansLeft } from "../../src/model/orphans.js";
import { ApplyKit, bp, dir, EPOCH, file, frame } from "../support/apply-kit.js";

let kit: ApplyKit;

beforeEach(() => {
  kit = new ApplyKit({ matcher: (_, path) => !path.endsWith(".tmp") });
});

afterEach(() => {
  kit.close();
});

function orphans(part: Partial<OrphansChange>): OrphansChange {
  const whole = { deed: "count", way: "others", names: [], from: "", until: "", beforeMs: null, includesExcluded: false, place: null } as const;
  return { op: "orphans", root: 0, path: bp(""), ...whole, sums: NO_ORPHANS, ...part };
}

function sweep(part: Partial<OrphansChange>): OrphansAnswer {
  return kit.apply(orphans(part))[0] as OrphansAnswer;
}

test("a directory is told in parts, and a slice has its own names only", () => {
  mkdirSync(kit.target, { recursive: true });
  for (let i = 0; i < 1500; i++) writeFileSync(kit.path(`n${String(i).padStart(4, "0")}`), "x");
  const first = sweep({ names: ["n0003"] });
  expect(first).toMatchObject({ total: 1500, next: "n1001", refused: null });
  expect(first.found).toHaveLength(1000);
  expect(first.found[3]).toEqual({ name: "n0004", isDirectory: false, files: 1, directories: 0, bytes: 1, kept: 0, failed: 0, why: null });
  expect(sweep({ from: "n1001" })).toMatchObject({ total: 499, next: null });
  expect(sweep({ from: "n0002", until: "n0005", names: ["n0003"] }).found.map(({ name }) => name)).toEqual(["n0002", "n0004"]);
  expect(sweep({ path: bp("n0001") })).toMatchObject({ total: 0, found: [], refused: null });
});

test("what comes behind a deletion in the same set is there, also when the set is applied twice", () => {
  kit.apply(dir("d"), file("d/old", "old"));
  const changes = [orphans({ deed: "delete", way: "these", names: ["d", "e"] }), dir("d"), file("d/new", "new")];
  kit.apply(...changes);
  expect(readdirSync(kit.path("d"))).toEqual(["new"]);
  const point = kit.engine.appliedSeq;
  kit.reopen({ onPoint: (name) => name === "apply.set.beforeCursor" && fail() });
  expect(() => kit.engine.applySet(frame(point + 1, changes))).toThrow("killed");
  kit.reopen();
  kit.engine.begin(EPOCH);
  expect(kit.engine.applySet(frame(point + 1, changes))).toMatchObject({ kind: "applied" });
  expect(readdirSync(kit.path("d"))).toEqual(["new"]);
});

function fail(): never {
  throw new Error("killed");
}

test("links are removed, not followed; a directory on the way that is a link holds no orphans", () => {
  const outside = join(kit.directory, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "precious"), "p");
  kit.apply(dir("d"));
  symlinkSync(outside, kit.path("d/link"));
  expect(sweep({ deed: "delete", path: bp("d/link"), way: "these", names: ["precious"] })).toMatchObject({ found: [] });
  expect(sweep({ deed: "delete", path: bp("d") }).found).toMatchObject([{ name: "link", files: 1 }]);
  expect(readdirSync(outside)).toEqual(["precious"]);
});

test("a move that was cut short is completed beside what is there", () => {
  const place = { directory: join(kit.directory, "aside"), repset: "set", time: "now" };
  kit.apply(dir("d"));
  for (const name of ["a", "b"]) writeFileSync(kit.path(`d/${name}`), name);
  mkdirSync(join(place.directory, "set/now/d"), { recursive: true });
  writeFileSync(join(place.directory, "set/now/d/a"), "of an earlier attempt");
  writeFileSync(kit.path("d/kept.tmp"), "excluded");
  expect(sweep({ deed: "move", way: "these", names: ["d"], place }).found).toMatchObject([{ files: 2, directories: 0, kept: 2, failed: 0 }]);
  expect(readdirSync(kit.path("d"))).toEqual(["kept.tmp"]);
  const moved = (name: string): string => readFileSync(join(place.directory, "set/now/d", name), "utf8");
  expect([moved("a"), moved("a~1"), moved("b")]).toEqual(["of an earlier attempt", "a", "b"]);
});

test("nothing is moved to a place that no source may write to", () => {
  const policy = { log: "names", programDirectories: [], ownDirectories: [join(kit.directory, "own")], allowedRoots: [] } as const;
  const mappings = [{ source: "/s", target: kit.target }];
  const desk = new WorkerOrphanDesk({ policy, mappings, stateDirectory: join(kit.directory, "state/key"), tell: () => undefined });
  const refusal = (directory: string): string | null => desk.refusalOf({ directory, repset: "set", time: "now" });
  expect(refusal(join(kit.directory, "aside"))).toBeNull();
  expect(refusal(kit.target)).toContain("is replicated");
  expect(refusal(join(kit.directory, "own/x"))).toContain("belongs to the agent itself");
  expect(refusal("/etc/x")).toContain("belongs to the system");
  const confined = new WorkerOrphanDesk({ policy: { ...policy, allowedRoots: ["/srv"] }, mappings, stateDirectory: "/x/y", tell: () => undefined });
  expect(confined.refusalOf({ directory: join(kit.directory, "aside"), repset: "set", time: "now" })).toContain("target.allowedRoots");
  expect(existsSync(join(kit.directory, "aside"))).toBe(false);
});

test("the change travels as it is, and names that are none are refused", () => {
  const place = { directory: "/srv/aside", repset: "set", time: "now" };
  const change = orphans({
    deed: "move",
    way: "these",
    names: ["a", "b\xff"],
    beforeMs: 5,
    includesExcluded: true,
    place,
    sums: { files: 1, directories: 2, bytes: 3 },
  });
  expect(decodeChange(encodeChange(change), Buffer.alloc(0), 0).change).toEqual(change);
  for (const bad of [
    { ...place, repset: ".." },
    { ...place, time: "a/b" },
    { ...place, directory: "srv" },
    { ...place, directory: "/srv/../etc" },
  ])
    expect(() => decodeChange(encodeChange({ ...change, place: bad }), Buffer.alloc(0), 0)).toThrow("malformed");
  expect(() => decodeChange(encodeChange({ ...change, names: ["a/b"] }), Buffer.alloc(0), 0)).toThrow("malformed");
});

test("the guard asks for many files, and for more than half of the names", () => {
  const counts = (files: number, names: number) => ({ ...NOTHING_SWEPT, names, found: { files, directories: 0, bytes: 0 } });
  expect(guardOf(counts(1000, 5000), 1000)).toBeNull();
  expect(guardOf(counts(1001, 5000), 1000)).toContain("orphans.confirmFiles");
  expect(guardOf(counts(5, 10), 1000)).toBeNull();
  expect(guardOf(counts(6, 10), 1000)).toContain("more than half");
  expect(orphansLeft({ action: "delete", isDryRun: false, counts: counts(6, 10) })).toBe(0);
  expect(orphansLeft({ action: "delete", isDryRun: true, counts: counts(6, 10) })).toBe(0);
  expect(orphansLeft({ action: "report", isDryRun: false, counts: counts(6, 10) })).toBe(6);
  expect(freeName("\xff".repeat(255), 12)).toBe(`${"\xff".repeat(252)}~12`);
});
