import { describe, expect, test } from "vitest";
import { MirrorTracker } from "../../src/connection/mirror-tracker.js";
import { ProblemBook } from "../../src/connection/problem-book.js";
import type { MirrorCounts } from "../../src/model/source-messages.js";

const NOW = "2030-01-01T00:00:00.000Z";
const DIFFERENCE = { mode: "difference", content: "times", newerOnly: false } as const;
const LATER = "2030-01-01T00:01:00.000Z";

function counts(part: Partial<MirrorCounts> = {}): MirrorCounts {
  return {
    filesTotal: 10,
    bytesTotal: 100,
    filesDone: 5,
    filesSkipped: 2,
    bytesDone: 30,
    bytesSkipped: 20,
    orphans: 0,
    removed: 0,
    orphanNames: [],
    leftAlone: 0,
    leftEmpty: 0,
    leftAloneNames: [],
    percent: 50,
    waitingBytes: 0,
    ...part,
  };
}

function problem(path: string, at = NOW, code = "FS_DENIED") {
  return { path, code, message: `${path} cannot be read`, at };
}

describe("the mirrors of a connection", () => {
  test("before the first one there is nothing to tell", () => {
    const tracker = new MirrorTracker();
    expect(tracker.report()).toMatchObject({ status: "Idle", mode: null, percent: null, outcome: null, startedAt: null });
    expect(tracker.isApplied(1e9)).toBe(false);
    expect(tracker.remainingBytes).toBe(0);
  });

  test("from its start to the target's word", () => {
    const tracker = new MirrorTracker();
    const id = tracker.start(DIFFERENCE, NOW);
    expect(tracker.report()).toMatchObject({ status: "Calculating", percent: 0 });
    tracker.begin(id, LATER);
    tracker.progress(id, counts());
    expect(tracker.report()).toMatchObject({ status: "Mirroring", mode: "difference", percent: 50, outcome: "running", startedAt: LATER });
    expect(tracker.remainingBytes).toBe(50);
    tracker.emitted(id, 70, counts({ percent: 99, bytesDone: 80 }));
    expect(tracker.report().status).toBe("Waiting");
    expect([tracker.isApplied(69), tracker.isApplied(70)]).toEqual([false, true]);
    tracker.end("done", LATER);
    expect(tracker.report()).toMatchObject({ status: "Idle", percent: 100, outcome: "done", finishedAt: LATER });
    expect([tracker.remainingBytes, tracker.isApplied(1e9)]).toEqual([0, false]);
  });

  test("news of an earlier mirror are not taken for the present one", () => {
    const tracker = new MirrorTracker();
    const first = tracker.start({ ...DIFFERENCE, mode: "full" }, NOW);
    const second = tracker.start(DIFFERENCE, LATER);
    expect(second).not.toBe(first);
    tracker.progress(first, counts({ percent: 88 }));
    tracker.emitted(first, 5, counts());
    tracker.begin(first, LATER);
    expect(tracker.report()).toMatchObject({ percent: 0, status: "Calculating" });
    expect(tracker.isApplied(1e9)).toBe(false);
  });

  test("one that was stopped stays stopped", () => {
    const tracker = new MirrorTracker();
    const id = tracker.start({ ...DIFFERENCE, mode: "full" }, NOW);
    tracker.end("stopped", NOW);
    tracker.emitted(id, 1, counts());
    tracker.end("done", LATER);
    expect(tracker.report()).toMatchObject({ outcome: "stopped", finishedAt: NOW, status: "Idle" });
  });

  test("a new one begins without the problems of the last; their list is bounded, their count is not", () => {
    const tracker = new MirrorTracker();
    tracker.start({ ...DIFFERENCE, mode: "full" }, NOW);
    for (let i = 0; i < 250; i++) tracker.addProblem(problem(`f${i}`));
    expect([tracker.report().problems.length, tracker.report().problemCount]).toEqual([100, 250]);
    tracker.start({ ...DIFFERENCE, mode: "full" }, LATER);
    expect([tracker.report().problems.length, tracker.report().problemCount]).toEqual([0, 0]);
  });
});

describe("the book of problems", () => {
  test("keeps the last word about each path", () => {
    const book = new ProblemBook();
    book.add(problem("a"));
    book.add(problem("b"));
    book.add(problem("a", LATER, "FS_IO"));
    expect(book.count).toBe(2);
    expect(book.list().map(({ path, code }) => [path, code])).toEqual([
      ["b", "FS_DENIED"],
      ["a", "FS_IO"],
    ]);
  });

  test("is bounded: the oldest go, the count stays", () => {
    const book = new ProblemBook();
    for (let i = 0; i < 1500; i++) book.add(problem(`f${i}`));
    expect([book.list().length, book.count, book.list()[0]?.path]).toEqual([1000, 1500, "f500"]);
  });

  test("a mirror settles what is older than its start", () => {
    const book = new ProblemBook();
    book.add(problem("old"));
    book.add(problem("new", LATER));
    book.keepSince(LATER);
    expect([book.count, book.list().map(({ path }) => path)]).toEqual([1, ["new"]]);
  });
});
