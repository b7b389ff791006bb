// A connection that is held for a restore: nothing lets it go on but the end of the restore, or a person.

import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import type { ConnectionRecord, MirrorNeed } from "../../src/connection/connection-record.js";
import type { ConnectionState, Fault } from "../../src/connection/connection-state.js";
import { rejectHeld } from "../../src/connection/guard-decision.js";
import { LiveSets } from "../../src/connection/live-sets.js";
import { MassChangeGuard } from "../../src/connection/mass-change-guard.js";
import {
  besideRestored,
  firstState,
  holdForRestore,
  isToBeRestored,
  liftEvent,
  oweRestore,
  prepareByHand,
  type RestorableConnection,
  releaseRestored,
  takeLiveSet,
} from "../../src/connection/restore-hold.js";
import { orphanOptionsSchema } from "../../src/model/orphans.js";

const NONE = new Uint32Array(0);
const OWED: MirrorNeed = { reason: "restart", message: "restarted", since: "", mode: "difference", extras: "remove", changedSinceMs: 50, isAutomatic: true };

function create(mirrorNeed: MirrorNeed | null = null) {
  const told: string[] = [];
  const advanced: number[] = [];
  const connection = {
    id: 3,
    record: { cleanUntilMs: 100, mirrorNeed, guard: { files: 10, hold: null }, options: {} } as unknown as ConnectionRecord,
    state: { kind: "streaming" } as ConnectionState,
    isSourceHalted: false,
    appliedSeq: 5,
    durableSeq: 4,
    keeper: { fault: null as { readonly message: string } | null },
    restart: { forget: () => told.push("forget") },
    repair: { isThorough: false, pending: 0, drop: () => told.push("drop") },
    options: { log: silentLog, journal: { stats: () => ({ lastSeq: 9 }), advance: (_: number, seq: number) => advanced.push(seq) } },
    stopMirror: () => told.push("stopMirror"),
    halt(fault: Fault) {
      connection.state = { kind: "halted", fault };
    },
    nudge: () => told.push("nudge"),
    keep(part: Partial<ConnectionRecord>) {
      connection.record = { ...connection.record, ...part };
    },
  };
  const guard = new MassChangeGuard({
    connectionId: 3,
    record: { files: null, hold: null },
    policy: () => ({ lostPercent: 20, lostFiles: null, changedPercent: null, lostFilesMin: 10, windowSeconds: 60 }),
    isMirrorOwed: () => false,
    save: () => undefined,
    discard: () => undefined,
  });
  return { connection: Object.assign(connection, { guard }) as unknown as RestorableConnection & typeof connection, guard, told, advanced };
}

const HOLD = { key: "ab".repeat(16), isOfPaths: false, message: "being restored" };
const lost = (seq: number) => ({ seq, lost: 90, files: 10, changed: NONE });

test("what the source loses while it is held is dropped before anything can send it, and no halt that is lifted lets it go on", () => {
  const { connection, guard, advanced, told } = create();
  holdForRestore(connection, HOLD);
  expect([connection.state.kind, told]).toEqual(["halted", ["stopMirror"]]);
  const live = new LiveSets();
  takeLiveSet(connection, lost(12), live);
  expect([advanced, guard.isHeld, live.oldestAfter(0)]).toEqual([[12], false, null]);
  for (const state of ["running", "owed"] as const) {
    connection.keep({ restore: { ...connection.record.restore, state } as ConnectionRecord["restore"] & object });
    expect(firstState(connection)).toMatchObject({ kind: "halted", fault: { code: "RESTORE_REQUIRED" } });
    expect(liftEvent(connection)).toMatchObject({ kind: "halt", fault: { code: "RESTORE_REQUIRED" } });
  }
  const free = create();
  takeLiveSet(free.connection, lost(12), live);
  expect([free.advanced, free.guard.isHeld]).toEqual([[], true]);
});

test("what the guard held is dropped by a restore; then a mirror compares, and removes what was removed since", () => {
  const { connection, guard, told } = create(OWED);
  guard.takeSet(lost(7));
  holdForRestore(connection, HOLD);
  expect([guard.isHeld, guard.isRejected]).toEqual([false, true]);
  const { since } = connection.record.restore ?? {};
  releaseRestored(connection);
  expect([guard.isRejected, connection.appliedSeq, connection.durableSeq, connection.record.durableSeq]).toEqual([false, 9, 9, 9]);
  expect(connection.record).toMatchObject({
    restore: null,
    mirrorNeed: { extras: "remove", changedSinceMs: 50, restored: { fromMs: Date.parse(since ?? "") } },
  });
  expect(told).toEqual(["stopMirror", "drop", "forget", "nudge"]);
});

test("a person may decide against the copy, but not while a restore runs; nothing is removed then", () => {
  const { connection } = create();
  holdForRestore(connection, HOLD);
  expect(() => prepareByHand(connection)).toThrow(expect.objectContaining({ code: "JOB_CONFLICT" }));
  oweRestore(connection, "stopped");
  expect(isToBeRestored(connection)).toBe(true);
  prepareByHand(connection);
  expect(connection.record).toMatchObject({ restore: { state: "discarded" }, mirrorNeed: { extras: "report", changedSinceMs: 100 } });
  expect(liftEvent(connection)).toEqual({ kind: "resume" });
  // The target alone may know of it.
  const told = create();
  told.connection.halt({ code: "RESTORE_REQUIRED", message: "B: A is being restored" });
  prepareByHand(told.connection);
  expect(told.connection.record).toMatchObject({ restore: { state: "discarded" }, mirrorNeed: { extras: "report" } });
});

test("a state that cannot be written lets nothing go; a second attempt counts from the first", () => {
  const { connection, told } = create();
  holdForRestore(connection, HOLD);
  connection.keeper.fault = { message: "disk full" };
  expect(() => releaseRestored(connection)).toThrow("disk full");
  expect(told).not.toContain("nudge");
  expect(liftEvent(connection)).toMatchObject({ kind: "halt" });
  const again = create();
  holdForRestore(again.connection, HOLD);
  again.connection.keep({
    restore: { ...again.connection.record.restore, since: "2020-01-01T00:00:00.000Z", state: "owed" } as ConnectionRecord["restore"] & object,
  });
  holdForRestore(again.connection, HOLD);
  expect(again.connection.record.restore).toMatchObject({ state: "running", since: "2020-01-01T00:00:00.000Z", isPart: false });
});

test.each([
  ["of a whole source", null, false, true],
  ["of one that was halted", null, true, false],
  ["of one whose target must keep what it has", { ...OWED, extras: "report" }, false, false],
] as const)("some paths %s are enough: %#", (_, need, isSourceHalted, isPart) => {
  const { connection } = create(need as MirrorNeed | null);
  connection.isSourceHalted = isSourceHalted;
  holdForRestore(connection, { ...HOLD, isOfPaths: true });
  expect(connection.record.restore?.isPart).toBe(isPart);
});

test("some paths are enough no longer when the source is lost behind an attempt", () => {
  const { connection } = create();
  const part = { ...HOLD, isOfPaths: true };
  for (const isSourceHalted of [false, false, true]) {
    connection.isSourceHalted = isSourceHalted;
    holdForRestore(connection, part);
    oweRestore(connection, "stopped");
    expect(connection.record.restore?.isPart).toBe(!isSourceHalted);
  }
});

test.each([
  ["a restore that was held", (connection: ReturnType<typeof create>["connection"]) => holdForRestore(connection, HOLD)],
  ["what was rejected", (connection: ReturnType<typeof create>["connection"]) => rejectHeld(connection)],
])("orphans that were to go behind a verification stay when a person goes on in spite of %s", (_, stop) => {
  const { connection, guard } = create();
  connection.keep({ sweep: { orphans: orphanOptionsSchema.parse({ action: "delete" }), behind: { kind: "verify", id: 1 }, since: "" } });
  guard.takeSet(lost(7));
  stop(connection);
  oweRestore(connection, "stopped");
  prepareByHand(connection);
  expect(connection.record.sweep).toBeNull();
});

test("another target of a source that was restored loses nothing that the copy lacked", () => {
  const record = { cleanUntilMs: 100, mirrorNeed: null, checkpoint: {}, wasMirrored: true } as unknown as ConnectionRecord;
  expect(besideRestored(record)).toMatchObject({ checkpoint: null, sweep: null, mirrorNeed: { mode: "difference", extras: "report", changedSinceMs: 100 } });
  const beside = besideRestored({ ...record, mirrorNeed: { ...OWED, isScan: true } });
  expect(beside).toMatchObject({ mirrorNeed: { extras: "report", changedSinceMs: 50, isAutomatic: true } });
  expect(beside.mirrorNeed).not.toHaveProperty("isScan");
});
