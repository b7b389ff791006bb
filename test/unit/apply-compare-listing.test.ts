// A directory that is compared slice by slice is listed once: what is told of each slice is what is there all the same.

import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CompareListing } from "../../src/apply/compare-listing.js";
import type * as ConfinedRoot from "../../src/fs/confined-root.js";
import type { CompareAnswer, CompareChange } from "../../src/model/change.js";
import { ApplyKit, bp, dir, entry, file } from "../support/apply-kit.js";

const listings = vi.hoisted(() => ({ count: 0 }));

vi.mock("../../src/fs/confined-root.js", async (original) => {
  const real = await original<typeof ConfinedRoot>();
  return {
    ...real,
    listNames: (...args: Parameters<typeof ConfinedRoot.listNames>) => {
      listings.count += 1;
      return real.listNames(...args);
    },
  };
});

let kit: ApplyKit;
beforeEach(() => {
  kit = new ApplyKit();
  kit.apply(dir("d"), ...["a", "b", "c", "e", "f"].map((name) => file(`d/${name}`, "x")));
  listings.count = 0;
});
afterEach(() => kit.close());

function slice(from: string, until: string, names: readonly string[], extras: CompareChange["extras"] = "report", path = "d"): CompareAnswer {
  const entries = names.map((name) => entry(name, { size: 1 }));
  const [answer] = kit.apply({ op: "compare", root: 0, path: bp(path), entries, from, until, extras, meta: null, asksShared: true });
  if (answer?.kind !== "compare") throw new Error(`no compare answer: ${JSON.stringify(answer)}`);
  return answer;
}

test("slices that follow each other take one listing, and tell of all that the source lacks", () => {
  expect(slice("", "b", ["a"]).extras).toEqual([]);
  expect(slice("b", "c", []).extras).toEqual(["b"]);
  expect(slice("c", "f", ["c"]).extras).toEqual(["e"]);
  expect(slice("f", "", []).extras).toEqual(["f"]);
  expect(listings.count).toBe(1);
});

test("what is removed by a slice, and what somebody else removed since, is in no later one", () => {
  expect(slice("", "c", [], "remove")).toMatchObject({ extras: [], removed: 2 });
  rmSync(kit.path("d/e"));
  expect(slice("c", "", ["c"], "remove")).toMatchObject({ extras: [], removed: 1 });
  expect(listings.count).toBe(1);
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
  expect(listings.count).toBe(5);
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

test("a listing is not kept for long", () => {
  const clock = { ms: 0 };
  const listing = new CompareListing(() => clock.ms);
  const dirfd = openSync(kit.path("d"), "r");
  const namesIn = (from: string, until: string): readonly string[] | number =>
    listing.namesIn({ op: "compare", root: 0, path: bp("d"), entries: [], from, until, extras: "report", meta: null, asksShared: true }, dirfd);
  expect(namesIn("", "b")).toEqual(["a"]);
  writeFileSync(kit.path("d/g"), "");
  clock.ms = 4999;
  expect(namesIn("b", "f")).toEqual(["b", "c", "e"]);
  clock.ms = 5000;
  expect(namesIn("f", "")).toEqual(["f", "g"]);
  closeSync(dirfd);
});
