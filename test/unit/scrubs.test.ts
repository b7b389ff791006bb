// What begins, holds and ends the rounds of a scrub, and what is on record of them.

import { expect, test } from "vitest";
import { Scrubs } from "../../src/agent/scrubs.js";
import { silentLog } from "../../src/base/log.js";
import type { SourceConnection } from "../../src/connection/source-connection.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { VerifyJobReport } from "../../src/model/job.js";
import type { Scrub } from "../../src/model/scrub.js";
import type { SourceCommand, SourceEvent } from "../../src/model/source-messages.js";
import { NOTHING_VERIFIED } from "../../src/model/verify.js";
import { positionOf } from "../../src/model/verify-position.js";

const HERE = positionOf(0, "dir" as BytePath, "f");

function create() {
  const sent: SourceCommand[] = [];
  const state = { whyNotNow: null as string | null, hasEnded: false, ended: [] as string[], nextJob: 1, jobWaitsFor: null as string | null, lastSeq: 0 };
  const record: { scrub?: Scrub } = {};
  const connection = {
    id: 3,
    record,
    pendingRepairs: 0,
    oldestPendingMs: null as number | null,
    durableSeq: 0,
    options: { feed: { send: (command: SourceCommand) => sent.push(command) }, journal: { stats: () => ({ lastSeq: state.lastSeq }) } },
    keep: (part: object) => Object.assign(record, part),
  };
  const jobs = {
    whyNotNow: () => state.whyNotNow,
    openScrub: (_connection: unknown, options: object, id: number | null) => {
      const counts = { ...NOTHING_VERIFIED, bytes: 5, bytesTotal: 10, unjudged: 1 };
      const report = { id: id ?? state.nextJob++, verify: { ...options, counts, differences: 2 } } as unknown as VerifyJobReport;
      return {
        report,
        get waitsFor() {
          return state.jobWaitsFor;
        },
        take: () => true,
        finish: () => undefined,
        ending: () => (state.hasEnded ? { status: "Done", message: null } : null),
      };
    },
    keepScrub: () => undefined,
    endScrub: (id: number, status: string) => state.ended.push(`${id} ${status}`),
  };
  const open = (): Scrubs =>
    new Scrubs({
      connection: () => connection as unknown as SourceConnection,
      jobs: jobs as unknown as ConstructorParameters<typeof Scrubs>[0]["jobs"],
      onChange: () => undefined,
      log: silentLog,
    });
  const scrubs = open();
  const look = (of: Scrubs = scrubs): void => of.look(connection as unknown as SourceConnection);
  const progress: Extract<SourceEvent, { kind: "verifyProgress" }> = {
    kind: "verifyProgress",
    connectionId: 3,
    jobId: 1,
    counts: NOTHING_VERIFIED,
    findings: [],
    isAuditing: false,
    isWhole: true,
    position: HERE,
  };
  return { scrubs, connection, record, sent, state, look, open, progress };
}

test("a round begins, gives way to what is more urgent, and says to what", () => {
  const { scrubs, connection, record, sent, state, look } = create();
  expect(() => scrubs.set(3, { repair: "all" })).toThrow("--bytes-per-second");
  state.whyNotNow = "the connection is being mirrored";
  expect(scrubs.set(3, { bytesPerSecond: 5000 })).toMatchObject({ state: "waiting", waitsFor: "the connection is being mirrored", round: null });
  expect(sent).toEqual([]);
  state.whyNotNow = null;
  look();
  expect(sent).toMatchObject([{ kind: "scrub", jobId: 1, bytesPerSecond: 5000, start: null }]);
  expect(scrubs.show(3)).toMatchObject({ state: "running", round: { job: 1, percent: 50 }, verifiedSince: null });
  const urgent: readonly [Partial<typeof connection>, string | null, string][] = [
    [{}, "job 4 of the connection is running", "job 4"],
    [{ pendingRepairs: 2 }, null, "being repaired"],
    [{ oldestPendingMs: Date.now() - 60_000 }, null, "changes are on their way"],
  ];
  for (const [part, whyNotNow, expected] of urgent) {
    Object.assign(connection, { pendingRepairs: 0, oldestPendingMs: null }, part);
    state.whyNotNow = whyNotNow;
    look();
    expect(sent.at(-1)).toMatchObject({ kind: "pauseScrub", isPaused: true });
    expect(scrubs.show(3)).toMatchObject({ state: "waiting", waitsFor: expect.stringContaining(expected) });
  }
  Object.assign(connection, { pendingRepairs: 0, oldestPendingMs: null });
  look();
  expect(sent.at(-1)).toMatchObject({ kind: "pauseScrub", isPaused: false });
  state.jobWaitsFor = "the source is audited first";
  look();
  expect(sent.at(-1)).toMatchObject({ kind: "pauseScrub", isPaused: false });
  expect(scrubs.show(3)).toMatchObject({ state: "waiting", waitsFor: "the source is audited first" });
  state.jobWaitsFor = null;
  look();
  expect(scrubs.show(3)).toMatchObject({ state: "running", waitsFor: null });
  const hour = new Date().getHours();
  const at = (ahead: number): string => `${String((hour + ahead) % 24).padStart(2, "0")}:00`;
  expect(scrubs.set(3, { window: { open: at(2), close: at(3) } })).toMatchObject({ state: "waiting", waitsFor: expect.stringContaining("window") });
  expect(record.scrub?.round).toMatchObject({ job: 1, bytes: 5, bytesTotal: 10 });
});

test("a place is on record when what was found in front of it is put right", () => {
  const { scrubs, connection, record, state, look, progress } = create();
  const looks = (count: number): void => {
    for (let i = 0; i < count; i++) look();
    // Each change of settings has the place on record.
    scrubs.set(3, { repair: "all" });
  };
  scrubs.set(3, { bytesPerSecond: 5000, repair: "all" });
  scrubs.takeEvent(3, progress);
  Object.assign(connection, { pendingRepairs: 1 });
  looks(5);
  expect(record.scrub?.round?.position).toBeNull();
  Object.assign(connection, { pendingRepairs: 0 });
  scrubs.takeEvent(3, progress);
  state.lastSeq = 7;
  Object.assign(connection, { durableSeq: 6 });
  looks(5);
  expect(record.scrub?.round?.position).toBeNull();
  scrubs.takeEvent(3, progress);
  look();
  look();
  Object.assign(connection, { durableSeq: 7 });
  looks(1);
  expect(record.scrub?.round?.position).toEqual(HERE);
});

test("it goes on where it was, by another worker and by another process, and counts when it was whole", () => {
  const { scrubs, record, sent, state, look, open, progress } = create();
  scrubs.set(3, { bytesPerSecond: 5000, repair: "all" });
  scrubs.takeEvent(3, progress);
  // Seen, settled, on record.
  for (let looks = 0; looks < 3; looks++) look();
  scrubs.takeEvent(3, { kind: "state", state: "Arming", files: 0, bytes: 0 });
  expect(record.scrub?.round).toMatchObject({ position: HERE });
  look();
  expect(sent.at(-1)).toMatchObject({ kind: "scrub", jobId: 1, start: HERE });
  const next = open();
  look(next);
  expect(sent.at(-1)).toMatchObject({ kind: "scrub", jobId: 1, start: HERE, options: { repair: "all" } });
  next.takeEvent(3, { kind: "verifyEnded", connectionId: 3, jobId: 1, lastSeq: 9, isWhole: true });
  const { startedAt } = record.scrub?.round ?? {};
  state.hasEnded = true;
  look(next);
  expect(state.ended).toEqual(["1 Done"]);
  look(next);
  expect(next.show(3)).toMatchObject({
    state: "resting",
    verifiedSince: startedAt,
    lastRound: { differences: 2, unjudged: 1 },
    waitsFor: "the next round is not due yet",
  });
  // A day later, so much is renamed that the round does not count.
  Object.assign(record, { scrub: { ...record.scrub, lastStart: "2026-01-01T00:00:00.000Z" } });
  state.hasEnded = false;
  look(next);
  expect(sent.at(-1)).toMatchObject({ kind: "scrub", jobId: 2, start: null });
  next.takeEvent(3, { kind: "verifyEnded", connectionId: 3, jobId: 2, lastSeq: 9, isWhole: false });
  state.hasEnded = true;
  look(next);
  expect(next.show(3)).toMatchObject({ verifiedSince: startedAt, round: null, lastRound: { job: 1 } });
  // Another day it goes on by another worker, to whom nothing of that is known.
  Object.assign(record, { scrub: { ...record.scrub, lastStart: "2026-01-01T00:00:00.000Z" } });
  state.hasEnded = false;
  look(next);
  next.takeEvent(3, { ...progress, jobId: 3, isWhole: false });
  next.takeEvent(3, { kind: "state", state: "Arming", files: 0, bytes: 0 });
  look(next);
  next.takeEvent(3, { kind: "verifyEnded", connectionId: 3, jobId: 3, lastSeq: 9, isWhole: true });
  state.hasEnded = true;
  look(next);
  expect(next.show(3)).toMatchObject({ verifiedSince: startedAt, round: null, lastRound: { job: 1 } });
  expect(next.set(3, null)).toMatchObject({ state: "off", settings: null, verifiedSince: startedAt });
});

test("a mirror ends it in the worker, which may have forgotten it: it goes on where it was when the mirror is done", () => {
  const { scrubs, sent, state, look, progress } = create();
  scrubs.set(3, { bytesPerSecond: 5000 });
  scrubs.takeEvent(3, progress);
  // Seen, settled, on record.
  for (let looks = 0; looks < 3; looks++) look();
  scrubs.takeEvent(3, { kind: "mirrorStarted", connectionId: 3, mirrorId: 1, files: 1, removesExtras: true });
  state.whyNotNow = "the connection is being mirrored";
  look();
  expect(sent.at(-1)).toMatchObject({ kind: "stopScrub" });
  state.whyNotNow = null;
  look();
  expect(sent.at(-1)).toMatchObject({ kind: "scrub", jobId: 1, start: HERE });
});
