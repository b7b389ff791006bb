// What one inode refuses holds up nothing else, and is not forgotten. Needs root and a file system with immutable files.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { QuarantineTurns } from "../../src/apply/quarantine-turns.js";
import type { QuarantineNews } from "../../src/model/session.js";
import { ApplyKit, bp, dir, EPOCH, entry, file, frame, link, meta, patch, remove, rename } from "../support/apply-kit.js";

let kit: ApplyKit;
beforeEach(() => {
  kit = new ApplyKit({ refusals: ["EPERM"], timing: { waitMs: () => Number.POSITIVE_INFINITY } });
});
afterEach(() => {
  // What is neither file nor directory has no such attribute, and is complained of.
  spawnSync("chattr", ["-R", "-f", "-i", kit.target], { stdio: "ignore" });
  kit.close();
});

const protect = (...paths: readonly string[]): void => void execFileSync("chattr", ["+i", ...paths.map((path) => kit.path(path))]);
const release = (...paths: readonly string[]): void => void execFileSync("chattr", ["-i", ...paths.map((path) => kit.path(path))]);
const held = () => kit.engine.quarantine.all.map(({ path, code, isWide }) => [path, code, isWide]);
const base = (size: number) => ({ size, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 });

/** The turns of the engine as it is, without a pause between them. */
function turns(): { readonly turns: QuarantineTurns; readonly news: QuarantineNews[] } {
  const news: QuarantineNews[] = [];
  const made = new QuarantineTurns({
    engine: kit.engine,
    timing: { waitMs: () => Number.POSITIVE_INFINITY },
    limitMs: null,
    post: (one) => void news.push(one),
    guarded: (work) => work(),
  });
  made.begin(true);
  return { turns: made, news };
}

test("the rest of the set is applied; what was refused is known after a kill, and the target is no copy", () => {
  kit.apply(file("locked", "old"), file("free", "old"));
  kit.engine.setClaim({ fromSeq: 0, why: "" });
  kit.apply();
  expect(kit.engine.point.doubt).toBeNull();
  protect("locked");
  expect(kit.apply(file("locked", "new"), file("free", "new"), remove("locked"))).toEqual([]);
  expect([readFileSync(kit.path("locked"), "utf8"), readFileSync(kit.path("free"), "utf8")]).toEqual(["old", "new"]);
  expect(held()).toEqual([["locked", "EPERM", false]]);
  const before = kit.engine.point.consistentSeq;
  kit.reopen();
  kit.engine.begin(EPOCH);
  kit.engine.setClaim({ fromSeq: 0, why: "" });
  kit.apply(file("more", "x"));
  expect(held()).toEqual([["locked", "EPERM", false]]);
  expect(kit.engine.point).toMatchObject({ consistentSeq: before, doubt: { code: "NOT_A_COPY", message: expect.stringContaining("locked") } });
});

test("a full volume is none of one inode: everything waits", () => {
  kit.close();
  kit = new ApplyKit({ refusals: [] });
  kit.apply(file("locked", "old"));
  protect("locked");
  kit.seq += 1;
  expect(kit.engine.applySet(frame(kit.seq, [file("locked", "new")]))).toMatchObject({ kind: "blocked", blocked: { code: "EPERM" } });
  expect(held()).toEqual([]);
});

test("a piece that was refused ends the transfer: what comes behind it completes nothing", () => {
  kit.apply(patch("big", null, [[0, "x"]], 1, meta()), file("big", "0123456789"));
  expect(kit.apply(patch("big", base(10), [[0, "aa"]], 10, null))).toEqual([]);
  protect("big");
  kit.apply(patch("big", null, [[2, "bb"]], 10, null, [], true));
  release("big");
  kit.apply(patch("big", null, [[4, "cc"]], 10, meta({ mtimeSec: 7 }), [], true));
  expect(readFileSync(kit.path("big"), "utf8")).toBe("aa23456789");
  expect(held()).toEqual([["big", "EPERM", false]]);
});

test("what follows on a held path and cannot fit is not told; anything else is", () => {
  kit.apply(file("locked", "old"), file("free", "old"));
  protect("locked");
  kit.apply(patch("locked", base(3), [[0, "new"]], 3, meta({ mtimeSec: 5 })));
  const late = { ...base(3), mtimeSec: 5 };
  expect(kit.apply(patch("locked", late, [[0, "xyz"]], 3, meta()), patch("free", late, [[0, "xyz"]], 3, meta()))).toMatchObject([
    { kind: "stale", path: "free" },
  ]);
});

test("below a path that could not become a directory nothing is told, and a link that waits for a held path is held", () => {
  kit.apply(file("d", "a file"));
  protect("d");
  expect(kit.apply(dir("d"), file("d/x", "x"), dir("d/sub"), file("d/sub/y", "y"), link("other", "d/x"), rename("d/x", "away"))).toEqual([]);
  expect(held()).toEqual([
    ["d", "EPERM", true],
    ["other", "STALE", true],
    ["away", "STALE", false],
  ]);
});

test("held paths go with the directory above them; both names of a refused rename are held", () => {
  kit.apply(dir("d"), file("d/locked", "old"), file("a", "old"));
  protect("d/locked", "a");
  kit.apply(file("d/locked", "new"), rename("d", "e", "dir"), rename("a", "b"));
  expect(held()).toEqual([
    ["e/locked", "EPERM", false],
    ["a", "EPERM", false],
    ["b", "EPERM", false],
  ]);
});

test("what a name of a linked inode refuses takes a mirror: the other names lack it, too", () => {
  kit.apply(file("one", "old"), link("two", "one"), file("single", "old"));
  protect("one", "single");
  kit.apply(patch("one", base(3), [[0, "new"]], 3, meta({ mtimeSec: 5 })), patch("single", base(3), [[0, "new"]], 3, meta({ mtimeSec: 5 })));
  release("one", "single");
  kit.apply(remove("one"), remove("single"));
  expect(held()).toEqual([
    ["one", "EPERM", true],
    ["single", "EPERM", false],
  ]);
  const { news } = turns();
  expect(news.at(-1)).toMatchObject({ asked: 1, mirror: { ask: 1, isAutomatic: true }, asks: [{ path: "single" }] });
});

test("an extra that cannot be removed is held, the others go, and the comparison is answered", () => {
  kit.apply(dir("d"), file("d/locked", "old"), file("d/extra", "old"), file("d/kept", "old"));
  protect("d/locked");
  const compare = {
    op: "compare",
    root: 0,
    path: bp("d"),
    entries: [entry("kept", { size: 3 })],
    from: "",
    until: "",
    extras: "remove",
    meta: null,
    asksShared: false,
  };
  expect(kit.apply(compare as never)).toMatchObject([{ kind: "compare", differs: [], extras: ["locked"], removed: 1 }]);
  expect(readdirSync(kit.path("d")).sort()).toEqual(["kept", "locked"]);
  expect(held()).toEqual([["d/locked", "EPERM", false]]);
});

test("beyond the limit there is one entry for all, which takes a mirror", () => {
  kit.apply(dir("d"));
  protect("d");
  kit.apply(...Array.from({ length: 1100 }, (_, index) => file(`d/f${index}`, "x")));
  expect(held()).toHaveLength(1001);
  expect(held().at(-1)).toEqual(["", "EPERM", true]);
  kit.reopen();
  expect(held()).toHaveLength(1001);
});

test("asked, refused again, asked, mended: only then it is gone", () => {
  kit.apply(file("locked", "old"));
  protect("locked");
  kit.apply(file("locked", "new"));
  const { turns: made, news } = turns();
  // Seen to be immutable: nobody is asked.
  expect(news.at(-1)).toMatchObject({ count: 1, asks: [], shown: [{ attempts: 1, nextMs: null }] });
  made.retry(null);
  expect(news.at(-1)).toMatchObject({ count: 1, asked: 1, mirror: null, asks: [{ root: 0, path: "locked", seq: 2 }] });
  kit.apply(file("locked", "new"));
  made.takeMended({ ask: 1, seq: 3 });
  expect(news.at(-1)).toMatchObject({ count: 1, shown: [{ attempts: 2 }] });
  release("locked");
  made.retry(null);
  expect(news.at(-1)).toMatchObject({ asked: 2, asks: [{ path: "locked", seq: 3 }] });
  made.takeMended({ ask: 2, seq: 4 });
  expect(held()).toHaveLength(1);
  kit.apply(file("locked", "new"));
  made.look();
  expect(news.at(-1)).toMatchObject({ count: 0, asks: [], shown: [] });
  expect(existsSync(kit.path("locked"))).toBe(true);
  kit.reopen();
  expect(held()).toEqual([]);
});

test("dropped, it waits for a mirror by hand, also for the next channel; refused again, it is held as before", () => {
  kit.apply(file("locked", "old"));
  protect("locked");
  kit.apply(file("locked", "new"));
  const { turns: made, news } = turns();
  made.drop(null);
  expect(news.at(-1)).toMatchObject({ count: 1, givenUp: 1, asked: 1, asks: [], mirror: { ask: 1, isAutomatic: false } });
  kit.reopen();
  kit.engine.begin(EPOCH);
  const again = turns();
  expect(again.news.at(-1)).toMatchObject({ count: 1, givenUp: 1, asked: 1, mirror: { ask: 1, isAutomatic: false } });
  kit.apply(file("locked", "new"));
  again.turns.takeMended({ ask: 1, seq: kit.seq });
  expect(again.news.at(-1)).toMatchObject({ count: 1, givenUp: 0, mirror: null });
});
