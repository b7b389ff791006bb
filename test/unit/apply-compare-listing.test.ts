// A directory that is compared slice by slice is listed once: what is told of each slice is what is there all the same.

import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CompareListing } from "../../src/apply/compare-listing.js";
import { namesOf } from "../../src/apply/directory-names.js";
import type { CompareAnswer, CompareChange } from "../../src/model/change.js";
import { ApplyKit, bp, dir, entry, file } from "../support/apply-kit.js";

let kit: ApplyKit;
beforeEach(() => {
  kit = new ApplyKit();
  kit.apply(dir("d"), ...["a", "b", "c", "e", "f"].map((name) => file(`d/${name}`, "x")));
});
afterEach(() => kit.close());

function slice(from: string, until: string, names: readonly string[], extras: CompareChange["extras"] = "report", path = "d"): CompareAnswer {
  const entries = names.map((name) => entry(name, { size: 1 }));
  const [answer] = kit.apply({ op: "compare", root: 0, path: bp(path), entries, from, until, extras, meta: null, asksShared: true });
  if (answer?.kind !== "compare") throw new Error(`no compare answer: ${JSON.stringify(answer)}`);
  return answer;
}

test("slices that follow each other take one listing, which is not kept for long", () => {
  const clock = { ms: 0 };
  let listings = 0;
  const list = (dirfd: number): string[] | number => {
    listings += 1;
    return namesOf(dirfd);
  };
  const listing = new CompareListing({ nowMs: () => clock.ms, list });
  const dirfd = openSync(kit.path("d"), "r");
  const namesIn = (from: string, until: string): readonly string[] | number =>
    listing.namesIn({ op: "compare", root: 0, path: bp("d"), entries: [], from, until, extras: "report", meta: null, asksShared: true }, dirfd);
  expect([namesIn("", "b"), namesIn("b", "c"), namesIn("c", "f"), namesIn("f", "")]).toEqual([["a"], ["b"], ["c", "e"], ["f"]]);
  expect(listings).toBe(1);
  expect(namesIn("", "b")).toEqual(["a"]);
  writeFileSync(kit.path("d/g"), "");
  clock.ms = 4999;
  expect(namesIn("b", "f")).toEqual(["b", "c", "e"]);
  expect(listings).toBe(2);
  clock.ms = 5000;
  expect(namesIn("f", "")).toEqual(["f", "g"]);
  expect(listings).toBe(3);
  closeSync(dirfd);
});

test("slice by slice, all that the source lacks is told", () => {
  expect(slice("", "b", ["a"]).extras).toEqual([]);
  expect(slice("b", "c", []).extras).toEqual(["b"]);
  expect(slice("c", "f", ["c"]).extras).toEqual(["e"]);
  expect(slice("f", "", []).extras).toEqual(["f"]);
});

test("what is removed by a slice, and what somebody else removed since, is in no later one", () => {
  expect(slice("", "c", [], "remove")).toMatchObject({ extras: [], removed: 2 });
  rmSync(kit.path("d/e"));
  expect(slice("c", "", ["c"], "remove")).toMatchObject({ extras: [], removed: 1 });
});

test("a slice that follows none, of another directory, or again, takes a listing of its own", () => {
  kit.apply(dir("g"), file("g/z", "x"));
  slice("", "c", ["a", "b"]);
  writeFileSync(kit.path("d/d"), "");
  expect(slice("c", "", ["c"], "report", "g").extras).toEqual(["z"]);
  expect(slice("c", "", ["c", "e", "f"]).extras).toEqual(["d"]);
  slice("", "c", ["a", "b"]);
  writeFileSync(kit.path("d/a2"), "");
  expect(slice("", "c", ["a", "b"]).extras).toEqual(["a2"]);
});

test("after any other change the directory is listed again", () => {
  slice("", "c", ["a", "b"]);
  kit.apply(file("d/d", "x"));
  expect(slice("c", "", ["c", "e", "f"]).extras).toEqual(["d"]);
});

test("another directory by the same name is listed", () => {
  slice("", "c", ["a", "b"]);
  renameSync(kit.path("d"), kit.path("old"));
  mkdirSync(kit.path("d"));
  writeFileSync(kit.path("d/x"), "");
  // As after what makes paths be looked up anew.
  kit.engine.directories.flush();
  expect(slice("c", "", []).extras).toEqual(["x"]);
});
