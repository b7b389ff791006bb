// The pointer of a mirror on record: when it comes there, and when it must not be used.

import { describe, expect, test } from "vitest";
import { type ConnectionRecord, connectionRecordSchema, type MirrorNeed } from "../../src/connection/connection-record.js";
import { MirrorDuty, type MirroredConnection } from "../../src/connection/mirror-duty.js";
import { type KeptPointer, keptPointerSchema, PointerBook, pointerInStream } from "../../src/connection/mirror-pointer.js";
import { MirrorTracker } from "../../src/connection/mirror-tracker.js";
import { ProblemBook } from "../../src/connection/problem-book.js";
import { mergeNeeds, needAfter, planResume } from "../../src/connection/resume-plan.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { MirrorPointer } from "../../src/model/mirror-wish.js";
import type { Welcome } from "../../src/model/session.js";
import type { SourceCommand, SourceEvent } from "../../src/model/source-messages.js";

const EPOCH = "00000000000000aa";
const OTHER = "00000000000000bb";
const NOW = "2026-01-02T03:04:05.000Z";

const at = (path: string, except: readonly string[] = []): MirrorPointer => ({
  root: 0,
  path: path as BytePath,
  name: null,
  except: except.map((each) => ({ root: 0, path: each as BytePath })),
});
const kept = (path: string, seq = 5, except: readonly string[] = []): KeptPointer => ({ ...at(path, except), epoch: EPOCH, seq });
const FULL: MirrorNeed = { reason: "manual", message: "by hand", since: NOW, mode: "full", extras: "remove", changedSinceMs: null, isAutomatic: true };
const WELCOME: Welcome = { appliedSeq: 9, durableSeq: 9, resumed: true, suspect: false, empty: false, limits: [], targetTimeMs: 0, version: "", name: "B" };

function need(reason: MirrorNeed["reason"]): MirrorNeed {
  return { reason, message: reason, since: NOW, mode: "difference", extras: "remove", changedSinceMs: 1000, isAutomatic: true };
}

describe("a pointer comes on record", () => {
  function bookOf(): { readonly book: PointerBook; readonly state: { kept: KeptPointer | undefined; writes: number } } {
    const state: { kept: KeptPointer | undefined; writes: number } = { kept: undefined, writes: 0 };
    const book = new PointerBook((pointer) => {
      state.kept = pointer;
      state.writes += 1;
    });
    return { book, state };
  }

  test("when the target has everything before it durably, and no later one in its place", () => {
    const { book, state } = bookOf();
    book.take({ pointer: at("a"), seq: 7 }, state.kept);
    book.take({ pointer: at("c"), seq: 20 }, state.kept);
    book.look(6, EPOCH, state.kept);
    expect(state.kept).toBeUndefined();
    book.look(7, EPOCH, state.kept);
    expect(state.kept).toEqual(kept("a", 7));
    book.look(30, EPOCH, state.kept);
    expect(state.writes).toBe(1);
    book.take({ pointer: at("c"), seq: 20 }, state.kept);
    book.look(30, EPOCH, state.kept);
    expect(state.kept).toEqual(kept("c", 20));
    book.take({ pointer: at("c"), seq: 31 }, state.kept);
    book.look(31, EPOCH, state.kept);
    expect(state.writes).toBe(2);
    expect(keptPointerSchema.parse(JSON.parse(JSON.stringify(state.kept)))).toEqual(state.kept);
  });

  test("what was renamed to a place before it is excepted at once, also from the one that still waits", () => {
    const { book, state } = bookOf();
    book.take({ pointer: at("a"), seq: 7 }, undefined);
    book.look(7, EPOCH, undefined);
    book.take({ pointer: at("b"), seq: 9 }, state.kept);
    book.take({ pointer: at("b", ["a/moved"]), seq: 12 }, state.kept);
    expect(state.kept).toEqual(kept("a", 7, ["a/moved"]));
    book.look(9, EPOCH, state.kept);
    expect(state.kept).toEqual(kept("b", 9, ["a/moved"]));
    book.take({ pointer: at("c"), seq: 15 }, state.kept);
    book.look(15, EPOCH, state.kept);
    expect(state.kept).toEqual(kept("c", 15));
  });

  test("and goes when nothing is known to be done any more, or too much is excepted", () => {
    const { book, state } = bookOf();
    book.take({ pointer: at("a"), seq: 7 }, undefined);
    book.look(7, EPOCH, undefined);
    book.take({ pointer: at("b"), seq: 9 }, state.kept);
    book.take({ pointer: null, seq: 9 }, state.kept);
    expect(state.kept).toBeUndefined();
    book.look(9, EPOCH, state.kept);
    expect(state.kept).toBeUndefined();
    const many = Array.from({ length: 1001 }, (_, i) => `a/${i}`);
    book.take({ pointer: at("b", many), seq: 9 }, kept("a"));
    expect(state).toMatchObject({ kept: undefined, writes: 3 });
  });
});

describe("a pointer is used", () => {
  test("for the very copy that it was sent to, also in a new stream", () => {
    const pointer = kept("a", 5);
    expect(pointerInStream(pointer, EPOCH, WELCOME)).toBe(pointer);
    const anew: Welcome = { ...WELCOME, resumed: false, appliedSeq: 0, before: { epoch: EPOCH, appliedSeq: 5 } };
    expect(pointerInStream(pointer, OTHER, anew)).toEqual({ ...pointer, epoch: OTHER, seq: 0 });
  });

  test.each<[string, Welcome, string]>([
    ["is another one", { ...WELCOME, resumed: false }, OTHER],
    ["knows another stream", { ...WELCOME, resumed: false, before: { epoch: OTHER, appliedSeq: 9 } }, EPOCH],
    ["was put back to an earlier state", { ...WELCOME, appliedSeq: 4 }, EPOCH],
    ["crashed with its machine", { ...WELCOME, suspect: true }, EPOCH],
    ["is empty", { ...WELCOME, empty: true }, EPOCH],
  ])("not when the target %s", (_name, welcome, epoch) => {
    expect(pointerInStream(kept("a", 5), epoch, welcome)).toBeUndefined();
  });

  test("after a restart of the agent, and for no other reason that a mirror is needed again", () => {
    const owed: MirrorNeed = { ...FULL, doneThrough: kept("a"), paused: { since: NOW, percent: 40 } };
    expect(mergeNeeds(owed, need("restart"))).toMatchObject({ mode: "full", changedSinceMs: 1000, doneThrough: kept("a"), paused: owed.paused });
    for (const reason of ["queue", "target", "rules", "problem", "initial"] as const) {
      const merged = mergeNeeds(owed, need(reason));
      expect([merged.doneThrough, merged.paused]).toEqual([undefined, owed.paused]);
    }
    expect(needAfter({ ...owed, mode: "difference" }, 3, NOW)).not.toHaveProperty("doneThrough");
  });

  test("in a stream that the target does not know, if it has what was sent in the one before", () => {
    const record = recordOf({ ...FULL, doneThrough: kept("a") }, OTHER);
    const plan = (welcome: Partial<Welcome>): MirrorNeed | null =>
      planResume({ record, welcome: { ...WELCOME, resumed: false, ...welcome }, heardSeq: 0, toldSeq: 0, hadStream: false, nowIso: NOW }).mirrorNeed;
    expect(plan({ before: { epoch: EPOCH, appliedSeq: 5 } })).toMatchObject({ reason: "target", doneThrough: { path: "a", epoch: OTHER, seq: 0 } });
    expect(plan({})).not.toHaveProperty("doneThrough");
  });

  test("what the source lost over a restart is removed, though a mirror by hand only tells of what is too much", () => {
    expect(mergeNeeds({ ...FULL, extras: "report", tellsExtras: true }, need("restart")).extras).toBe("remove");
    expect(mergeNeeds({ ...FULL, extras: "report" }, need("restart")).extras).toBe("report");
  });
});

function recordOf(mirrorNeed: MirrorNeed | null, epoch = EPOCH): ConnectionRecord {
  return connectionRecordSchema.parse({
    id: 1,
    key: "k",
    repset: "s",
    peer: "B",
    mappings: [{ source: "/a", target: "/b" }],
    options: { mirror: "full", replicate: true, compression: "off", durability: "fsync", remapLinks: true, guard: "off", guardChanged: "off" },
    createdAt: NOW,
    roots: [],
    epoch,
    durableSeq: 0,
    mirrorNeed,
    wasMirrored: true,
    cleanUntilMs: 0,
  });
}

/** A connection with a worker that does what it is told. */
class DutyKit {
  readonly sent: SourceCommand[] = [];
  readonly mirror = new MirrorTracker();
  readonly problems = new ProblemBook();
  readonly options = {
    feed: { send: (command: SourceCommand) => void this.sent.push(command) },
    log: { info: () => undefined } as unknown as MirroredConnection["options"]["log"],
  };
  readonly transmission = { isOpen: true };
  readonly id = 1;
  record: ConnectionRecord;
  appliedSeq = 0;
  durableSeq = 0;
  sender: object | null = {};
  readonly duty: MirrorDuty;

  constructor(mirrorNeed: MirrorNeed | null) {
    this.record = recordOf(mirrorNeed);
    this.duty = new MirrorDuty(this, { done: () => undefined, change: () => undefined, scan: () => undefined });
  }

  keep(part: Partial<ConnectionRecord>): void {
    this.record = { ...this.record, ...part };
  }

  get told(): string[] {
    return this.sent.splice(0).map((command) => (command.kind === "pauseMirror" ? `pause ${command.isPaused}` : command.kind));
  }

  progress(pointer: MirrorPointer | null, percent: number, seq: number): void {
    const counts = { filesTotal: 10, bytesTotal: 100, filesDone: 4, filesSkipped: 0, bytesDone: 40, bytesSkipped: 0, waitingBytes: 0 };
    const extras = { orphans: 0, removed: 0, orphanNames: [], leftAlone: 0, leftEmpty: 0, leftAloneNames: [] };
    const event: SourceEvent = {
      kind: "mirrorProgress",
      connectionId: 1,
      mirrorId: this.mirror.id,
      counts: { ...counts, ...extras, percent },
      done: { pointer, seq },
    };
    this.duty.take(event);
  }
}

describe("the mirror that a connection owes", () => {
  const settling = (kit: DutyKit): void => kit.duty.take({ kind: "mirrorSettling", connectionId: 1, mirrorId: kit.mirror.id });
  const contentOf = (kit: DutyKit): string | undefined => kit.sent.flatMap((each) => (each.kind === "mirror" ? [each.order.content] : [])).at(-1);

  test("compares all contents once it was cut short at hard links, whatever comes in between, and not when it was done", () => {
    const kit = new DutyKit(null);
    kit.duty.startByHand({ mode: "difference", content: "times", newerOnly: false });
    settling(kit);
    expect(kit.record.mirrorNeed).toMatchObject({ isSettling: true });
    kit.duty.stop();
    kit.duty.require(need("restart"));
    expect(contentOf(kit)).toBe("checksum-all");
    kit.duty.startByHand({ mode: "difference", content: "times", newerOnly: false });
    expect(contentOf(kit)).toBe("checksum-all");
    expect(needAfter(kit.record.mirrorNeed, 1, NOW)).not.toHaveProperty("isSettling");
  });

  test.each([
    [{ mode: "full", content: "times", newerOnly: false }, true],
    [{ mode: "difference", content: "checksum-all", newerOnly: false }, true],
    [{ mode: "difference", content: "checksum-all", newerOnly: false, paths: ["/a/x"] }, true],
    [{ mode: "difference", content: "times", newerOnly: false }, false],
  ] as const)("is done when it is applied, as %j, and what it put right by contents is not proven before it is durable: %j", (wish, isNoted) => {
    const kit = new DutyKit(null);
    kit.duty.startByHand(wish);
    [kit.appliedSeq, kit.durableSeq] = [20, 10];
    kit.duty.take({ kind: "mirrorEmitted", connectionId: 1, mirrorId: kit.mirror.id, lastSeq: 20, counts: { ...NO_COUNTS, percent: 100 } });
    expect([kit.mirror.isRunning, kit.record.mirrorNeed]).toEqual([false, null]);
    expect(kit.record.unproven ?? null).toEqual(isNoted ? { epoch: EPOCH, seq: 20 } : null);
    const crashed = { ...WELCOME, appliedSeq: 10, resumed: false, suspect: true };
    const planned = planResume({ record: { ...kit.record, durableSeq: 10 }, welcome: crashed, heardSeq: 20, toldSeq: 20, hadStream: true, nowIso: NOW });
    expect(planned.mirrorNeed?.content).toBe(isNoted ? "checksum-all" : undefined);
    kit.durableSeq = 20;
    kit.duty.look();
    expect(kit.record.unproven ?? null).toBeNull();
  });

  test("is the whole set's after one of some paths was stopped at hard links", () => {
    const kit = new DutyKit(null);
    kit.duty.startByHand({ mode: "difference", content: "times", newerOnly: false, paths: ["/a/x"] });
    settling(kit);
    kit.duty.stop();
    expect(kit.record.mirrorNeed).toMatchObject({ isSettling: true, isAutomatic: false });
    expect(kit.record.mirrorNeed).not.toHaveProperty("paths");
  });

  test("is not paused any more when one of some paths, which was, is stopped", () => {
    const kit = new DutyKit({ ...FULL, isAutomatic: false });
    kit.duty.startByHand({ mode: "difference", content: "times", newerOnly: false, paths: ["/a/x"] });
    kit.duty.pause();
    kit.duty.stop();
    expect([kit.record.mirrorNeed, kit.record.partMirror, kit.mirror.isPaused]).toEqual([{ ...FULL, isAutomatic: false }, null, false]);
    kit.duty.startByHand({ mode: "difference", content: "times", newerOnly: false, paths: ["/a/x"] });
    expect(kit.mirror.isRunning).toBe(true);
  });

  test.each([
    [{}, "full"],
    [{ newerOnly: true }, "difference"],
    [{ missingOnly: true }, "difference"],
    [{ skipsEmpty: true }, "full"],
  ] as const)("of an empty target, with %j, is ordered as %s: what is made there meanwhile is spared where that is wanted", (part, mode) => {
    const kit = new DutyKit({ ...need("restore"), ...part });
    kit.duty.startNeeded(true);
    expect(kit.sent).toMatchObject([{ kind: "mirror", order: { mode, extras: "keep", ...part } }]);
  });

  test.each([
    [{}, true],
    [{ skipsEmpty: true }, false],
  ])("with %j, how far it came is kept: %s: what is left out for being empty is counted from the beginning on", (part, isKept) => {
    const kit = new DutyKit({ ...FULL, ...part });
    kit.duty.startNeeded();
    kit.durableSeq = 9;
    kit.progress(at("a"), 40, 5);
    kit.progress(at("b"), 43, 6);
    expect(kit.record.mirrorNeed?.doneThrough !== undefined).toBe(isKept);
  });

  test("is paused, on record, with what it did; goes on in the worker that has it; stopped, it begins anew", () => {
    const kit = new DutyKit(FULL);
    kit.duty.startNeeded();
    kit.progress(at("a"), 40, 5);
    kit.durableSeq = 5;
    expect(kit.duty.pause()).toMatchObject({ status: "Paused", percent: 40, secondsLeft: null });
    kit.duty.pause();
    expect(kit.told).toEqual(["mirror", "pause true"]);
    kit.progress(at("b"), 43, 6);
    kit.durableSeq = 6;
    kit.duty.look();
    expect(kit.record.mirrorNeed).toMatchObject({ paused: { percent: 43 }, doneThrough: { path: "a", seq: 5 } });
    expect(kit.duty.isAtWork).toBe(false);
    expect(kit.duty.resume()).toMatchObject({ status: "Calculating" });
    kit.duty.resume();
    expect([kit.told, kit.record.mirrorNeed?.paused]).toEqual([["pause false"], undefined]);
    kit.duty.pause();
    expect(kit.duty.stop()).toMatchObject({ status: "Idle", outcome: "stopped" });
    expect(kit.record.mirrorNeed).toMatchObject({ isAutomatic: false });
    expect(kit.record.mirrorNeed).not.toHaveProperty("doneThrough");
    expect(kit.duty.pause()).toMatchObject({ status: "Idle" });
  });

  test("stays paused in a process that follows, and goes on at its pointer", () => {
    const kit = new DutyKit({ ...FULL, doneThrough: kept("a"), paused: { since: NOW, percent: 40 } });
    kit.duty.require(need("restart"));
    expect(kit.mirror.report()).toMatchObject({ status: "Paused", percent: 40, outcome: null });
    expect(kit.told).toEqual(["stopMirror"]);
    kit.duty.resume();
    const order = kit.sent.find((command) => command.kind === "mirror");
    expect(order).toMatchObject({ order: { mode: "full", doneThrough: at("a"), suspect: { changedSinceMs: 1000 } } });
    expect(kit.mirror.isPaused).toBe(false);
  });

  test("of some paths is paused beside a whole one that comes in between", () => {
    const kit = new DutyKit(null);
    kit.duty.startByHand({ mode: "difference", content: "times", newerOnly: false, paths: ["/a/x"] });
    kit.duty.pause();
    expect([kit.told, kit.record.partMirror?.paused === undefined]).toEqual([["mirror", "pause true"], false]);
    kit.duty.require(need("queue"));
    expect([kit.told, kit.mirror.isPaused]).toEqual([["mirror"], false]);
    const { counts } = { counts: kit.mirror.report() };
    expect(counts.paths).toBe(null);
    kit.duty.take({ kind: "mirrorEmitted", connectionId: 1, mirrorId: kit.mirror.id, lastSeq: 0, counts: { ...NO_COUNTS, percent: 99 } });
    expect([kit.told, kit.mirror.report().status]).toEqual([["stopMirror"], "Paused"]);
    kit.duty.resume();
    expect(kit.told).toEqual(["mirror"]);
  });

  test("is not there: nothing is paused or resumed", () => {
    const kit = new DutyKit(null);
    expect([kit.duty.pause().status, kit.duty.resume().status, kit.told]).toEqual(["Idle", "Idle", []]);
    const waiting = new DutyKit({ ...FULL, isAutomatic: false });
    expect([waiting.duty.pause().status, waiting.record.mirrorNeed?.paused]).toEqual(["Idle", undefined]);
  });
});

const NO_COUNTS = {
  ...{ filesTotal: 0, bytesTotal: 0, filesDone: 0, filesSkipped: 0, bytesDone: 0, bytesSkipped: 0, waitingBytes: 0 },
  ...{ orphans: 0, removed: 0, orphanNames: [], leftAlone: 0, leftEmpty: 0, leftAloneNames: [] },
};
