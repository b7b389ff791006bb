// A live change of a file in the middle of its transfer by a job: it is taken along, and the file does not look like one of the source's
// before the last piece of the transfer has come.

import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AT_FDCWD, type FileStat, statAt } from "../../src/fs/native.js";
import type { Answer, FileChange } from "../../src/model/change.js";
import { ApplyKit, file, frame, meta, patch } from "../support/apply-kit.js";

/** Of the source's file as live sets shipped it last; the target has another. */
const BASE = { size: 8, mtimeSec: 1_600_000_000, mtimeNsec: 5 };
const LIVE = meta({ mode: 0o4755, mtimeSec: 1_650_000_000, mtimeNsec: 7 });
const LAST = meta({ mode: 0o640, mtimeSec: 1_660_000_000, mtimeNsec: 9 });

let kit: ApplyKit;
beforeEach(() => {
  kit = new ApplyKit();
  kit.apply(file("f", "12345678"));
});
afterEach(() => {
  vi.restoreAllMocks();
  kit.close();
});

const content = (): string => readFileSync(kit.path("f"), "utf8");
const staleOf = (answers: readonly Answer[]): boolean => answers.some(({ kind }) => kind === "stale");
const begin = (): readonly Answer[] => kit.apply(patch("f", null, [], 8, null));
const piece = (pieces: [number, string][], last: typeof LAST | null = null): readonly Answer[] => kit.apply(patch("f", null, pieces, 8, last, [], true));

test("one that comes in between is written, and the transfer goes on", () => {
  expect(begin()).toEqual([]);
  expect(piece([[0, "AB"]])).toEqual([]);
  expect(kit.apply(patch("f", BASE, [[1, "xy"]], 10, LIVE))).toEqual([]);
  expect(content()).toBe("Axy45678\0\0");
  const { mtimeSec, mode } = kit.stat("f");
  expect(mtimeSec).toBeGreaterThan(LIVE.mtimeSec);
  expect(mode & 0o7777).toBe(0o644);
  expect(piece([[6, "YZ"]])).toEqual([]);
  expect(piece([], LAST)).toEqual([]);
  expect(content()).toBe("Axy456YZ");
  expect(kit.stat("f")).toMatchObject({ mtimeSec: LAST.mtimeSec, mtimeNsec: LAST.mtimeNsec });
  expect(kit.stat("f").mode & 0o7777).toBe(0o640);
  // From now on it is what live changes build on, and nothing else is.
  expect(staleOf(kit.apply(patch("f", BASE, [[0, "no"]], 8, LIVE)))).toBe(true);
  expect(kit.apply(patch("f", { size: 8, mtimeSec: LAST.mtimeSec, mtimeNsec: LAST.mtimeNsec }, [[0, "yes"]], 8, LIVE))).toEqual([]);
  expect(content()).toBe("yes456YZ");
});

test("one that comes in pieces, also where the target was killed between two of them", () => {
  begin();
  expect(kit.apply(patch("f", BASE, [[0, "live"]], 8, null))).toEqual([]);
  expect(kit.apply(patch("f", null, [[4, "-2"]], 8, LIVE, [], true))).toEqual([]);
  expect(content()).toBe("live-278");
  expect(kit.stat("f").mtimeSec).toBeGreaterThan(LIVE.mtimeSec);
  expect(piece([[6, "ZZ"]], LAST)).toEqual([]);
  expect([content(), kit.stat("f").mtimeSec]).toEqual(["live-2ZZ", LAST.mtimeSec]);

  begin();
  kit.apply(patch("f", { size: 8, mtimeSec: LAST.mtimeSec, mtimeNsec: LAST.mtimeNsec }, [[0, "LI"]], 8, null));
  kit.reopen();
  kit.engine.begin("0123456789abcdef");
  // Whose piece this is is not known any more: whatever becomes of it, what follows is refused, or the file is whole.
  kit.apply(patch("f", null, [[2, "VE"]], 8, LIVE, [], true));
  expect(staleOf(piece([], LAST))).toBe(true);
});

test("one within which the target is killed does not make the half file look whole", () => {
  let isArmed = false;
  const onPoint = (point: string): void => {
    if (isArmed && point === "apply.set.beforeCursor") throw new Error("killed");
  };
  kit.reopen({ onPoint });
  begin();
  piece([[0, "AB"]]);
  const live = frame(kit.seq + 1, [patch("f", BASE, [[1, "xy"]], 8, LIVE)]);
  isArmed = true;
  expect(() => kit.engine.applySet(live)).toThrow("killed");
  kit.reopen();
  expect(kit.engine.applySet(live)).toMatchObject({ kind: "applied", answers: [{ kind: "stale" }] });
  expect(kit.stat("f").mtimeSec).toBeGreaterThan(LIVE.mtimeSec);
  kit.seq += 1;
  expect(staleOf(piece([], LAST))).toBe(true);
});

test("one that the target has no room for is tried again as what it is", () => {
  begin();
  const base = { size: 8, mtimeSec: LAST.mtimeSec, mtimeNsec: LAST.mtimeNsec };
  kit.apply(patch("f", base, [[0, "live"]], 8, null));
  const last = patch("f", null, [[4, "-2"]], 8, LIVE, [], true) as FileChange;
  const stat = statAt(AT_FDCWD, kit.path("f")) as FileStat;
  kit.engine.transfers.leaveJoined(last, stat, false);
  expect(kit.engine.transfers.joins(last, stat, false)).toBe(true);
  expect(kit.apply(last)).toEqual([]);
  expect([content(), kit.stat("f").mtimeSec > LIVE.mtimeSec]).toEqual(["live-278", true]);
});

test("none of a transfer that was not announced", () => {
  expect(kit.apply(patch("f", null, [[0, "AB"]], 8, null))).toEqual([]);
  expect(staleOf(kit.apply(patch("f", BASE, [[1, "xy"]], 8, LIVE)))).toBe(true);
  expect(staleOf(piece([], LAST))).toBe(true);
});

test("none without a transfer, none on a file that somebody else touched, and none where nothing of the transfer came for long", () => {
  expect(staleOf(kit.apply(patch("f", BASE, [[0, "no"]], 8, LIVE)))).toBe(true);
  begin();
  writeFileSync(kit.path("f"), "by hand!");
  expect(staleOf(kit.apply(patch("f", BASE, [[0, "no"]], 8, LIVE)))).toBe(true);
  expect(staleOf(piece([], LAST))).toBe(true);
  expect(content()).toBe("by hand!");

  begin();
  const later = performance.now() + 31_000;
  vi.spyOn(performance, "now").mockReturnValue(later);
  expect(staleOf(kit.apply(patch("f", BASE, [[0, "no"]], 8, LIVE)))).toBe(true);
  expect(staleOf(piece([], LAST))).toBe(true);
  expect(content()).toBe("by hand!");
});
