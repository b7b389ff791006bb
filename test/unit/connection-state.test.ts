import { describe, expect, test } from "vitest";
import type { ConnectionRecord, MirrorNeed } from "../../src/connection/connection-record.js";
import { type ConnectionEvent, type ConnectionState, type Fault, INITIAL_STATE, nextConnection } from "../../src/connection/connection-state.js";
import { NOTHING_HELD } from "../../src/connection/guard-record.js";
import { mergeNeeds, planResume, type ResumeInput } from "../../src/connection/resume-plan.js";
import { connectionOptionsSchema } from "../../src/model/connection-spec.js";
import type { Welcome } from "../../src/model/session.js";

const OLD: Fault = { code: "CHANNEL_LOST", message: "old" };
const NEW: Fault = { code: "PEER_BUSY", message: "new" };

const STATES: { readonly [K in ConnectionState["kind"]]: Extract<ConnectionState, { kind: K }> } = {
  connecting: { kind: "connecting", attempt: 3 },
  backingOff: { kind: "backingOff", attempt: 3, fault: OLD },
  streaming: { kind: "streaming" },
  halted: { kind: "halted", fault: OLD },
  held: { kind: "held" },
  stopped: { kind: "stopped" },
};

const EVENTS: { readonly [K in ConnectionEvent["kind"]]: Extract<ConnectionEvent, { kind: K }> } = {
  welcomed: { kind: "welcomed" },
  lost: { kind: "lost", fault: NEW },
  retry: { kind: "retry" },
  halt: { kind: "halt", fault: NEW },
  resume: { kind: "resume" },
  hold: { kind: "hold" },
  release: { kind: "release" },
  stop: { kind: "stop" },
};

const HALTED: ConnectionState = { kind: "halted", fault: NEW };
const STOPPED: ConnectionState = { kind: "stopped" };

/** A missing cell is a type error. */
const EXPECTED: Record<ConnectionState["kind"], Record<ConnectionEvent["kind"], ConnectionState>> = {
  connecting: {
    welcomed: { kind: "streaming" },
    lost: { kind: "backingOff", attempt: 3, fault: NEW },
    retry: STATES.connecting,
    halt: HALTED,
    resume: STATES.connecting,
    hold: STATES.held,
    release: STATES.connecting,
    stop: STOPPED,
  },
  backingOff: {
    welcomed: STATES.backingOff,
    lost: STATES.backingOff,
    retry: { kind: "connecting", attempt: 4 },
    halt: HALTED,
    resume: STATES.backingOff,
    hold: STATES.held,
    release: STATES.backingOff,
    stop: STOPPED,
  },
  streaming: {
    welcomed: STATES.streaming,
    lost: { kind: "backingOff", attempt: 0, fault: NEW },
    retry: STATES.streaming,
    halt: HALTED,
    resume: STATES.streaming,
    hold: STATES.held,
    release: STATES.streaming,
    stop: STOPPED,
  },
  halted: {
    welcomed: STATES.halted,
    lost: STATES.halted,
    retry: STATES.halted,
    halt: HALTED,
    resume: { kind: "connecting", attempt: 0 },
    hold: STATES.halted,
    release: STATES.halted,
    stop: STOPPED,
  },
  held: {
    welcomed: STATES.held,
    lost: STATES.held,
    retry: STATES.held,
    halt: HALTED,
    resume: STATES.held,
    hold: STATES.held,
    release: { kind: "connecting", attempt: 0 },
    stop: STOPPED,
  },
  stopped: { welcomed: STOPPED, lost: STOPPED, retry: STOPPED, halt: STOPPED, resume: STOPPED, hold: STOPPED, release: STOPPED, stop: STOPPED },
};

describe.each(Object.values(STATES))("a connection that is $kind", (state) => {
  test.each(Object.values(EVENTS))("on $kind", (event) => {
    expect(nextConnection(state, event)).toEqual(EXPECTED[state.kind][event.kind]);
  });
});

test("every state is reached from the first one", () => {
  const reached = new Set<string>();
  const pending: ConnectionState[] = [INITIAL_STATE];
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    if (reached.has(state.kind)) continue;
    reached.add(state.kind);
    for (const event of Object.values(EVENTS)) pending.push(nextConnection(state, event));
  }
  expect([...reached].sort()).toEqual(Object.keys(STATES).sort());
});

const NOW = "2030-01-02T03:04:05.000Z";

const NEED: MirrorNeed = {
  reason: "queue",
  message: "full",
  since: "2029-01-01T00:00:00.000Z",
  mode: "difference",
  extras: "remove",
  changedSinceMs: 50,
  isAutomatic: true,
};

const RECORD: ConnectionRecord = {
  id: 1,
  key: "0".repeat(32),
  repset: "set",
  peer: "target",
  mappings: [{ source: "/s", target: "/t" }],
  options: connectionOptionsSchema.parse({}),
  createdAt: NOW,
  roots: [],
  epoch: "0".repeat(16),
  durableSeq: 40,
  mirrorNeed: null,
  wasMirrored: true,
  cleanUntilMs: 1000,
  checkpoint: null,
  guard: NOTHING_HELD,
};

const WELCOME: Welcome = {
  appliedSeq: 50,
  durableSeq: 45,
  resumed: true,
  suspect: false,
  empty: false,
  limits: [],
  targetTimeMs: 0,
  version: "1",
  name: "target",
};

function plan(part: Partial<Omit<ResumeInput, "record" | "welcome">> = {}, record: Partial<ConnectionRecord> = {}, welcome: Partial<Welcome> = {}) {
  return planResume({
    heardSeq: 50,
    toldSeq: 50,
    hadStream: true,
    nowIso: NOW,
    ...part,
    record: { ...RECORD, ...record },
    welcome: { ...WELCOME, ...welcome },
  });
}

describe("what a welcome means", () => {
  test("the same stream goes on where it stopped", () => {
    expect(plan()).toEqual({ sentSeq: 50, review: null, mirrorNeed: null, restartMirror: false });
  });

  test("sets whose answers were never heard are looked through again", () => {
    expect(plan({ heardSeq: 47 })).toEqual({ sentSeq: 50, review: { from: 47, until: 50 }, mirrorNeed: null, restartMirror: false });
  });

  test("the source heard more than the target says: nothing is sent twice", () => {
    expect(plan({ heardSeq: 55 })).toMatchObject({ sentSeq: 55, review: null });
  });

  test("a source that was restarted goes on, a mirror under way begins anew", () => {
    expect(plan({ hadStream: false, heardSeq: 0 })).toEqual({ sentSeq: 50, review: null, mirrorNeed: null, restartMirror: true });
    expect(plan({ hadStream: false, heardSeq: 0 }, {}, { appliedSeq: 10 }).sentSeq).toBe(40);
  });

  test("the first welcome of a new connection asks for no more than its first mirror", () => {
    const first: MirrorNeed = { ...NEED, reason: "initial", extras: "report" };
    const planned = plan({ hadStream: false, heardSeq: 0 }, { wasMirrored: false, mirrorNeed: first, durableSeq: 0 }, { resumed: false, appliedSeq: 0 });
    expect(planned).toEqual({ sentSeq: 0, review: null, mirrorNeed: first, restartMirror: true });
  });

  test("a target that lost the stream is compared", () => {
    const planned = plan({}, {}, { resumed: false, appliedSeq: 0 });
    expect(planned).toMatchObject({ sentSeq: 40, review: null, restartMirror: true });
    expect(planned.mirrorNeed).toMatchObject({ reason: "target", mode: "difference", extras: "remove", since: NOW, changedSinceMs: 1000, isAutomatic: true });
    expect(planned.mirrorNeed?.message).toContain("does not know this stream");
  });

  test("a target that has less than it said was set back: it is compared, and no time of a file vouches for its content", () => {
    const planned = plan({ heardSeq: 55, toldSeq: 55 });
    expect(planned).toMatchObject({ sentSeq: 40, review: null, restartMirror: true });
    expect(planned.mirrorNeed).toMatchObject({ reason: "target", extras: "remove", content: "checksum-all", changedSinceMs: 1000, isAutomatic: true });
    expect(planned.mirrorNeed?.message).toBe("the target was set back: it has change set 50, and had 55");
    // What was passed over, or is from before the connection, is no word of the target's.
    expect(plan({ heardSeq: 55, toldSeq: 50 }).mirrorNeed).toBeNull();
  });

  test("a target whose machine crashed may have lost what a mirror put right by contents, with its times", () => {
    const crashed = { resumed: false, suspect: true };
    const contentOf = (seq: number, epoch = RECORD.epoch): unknown => plan({}, { unproven: { epoch, seq } }, crashed).mirrorNeed?.content;
    expect([contentOf(41), contentOf(40), contentOf(10, "f".repeat(16))]).toEqual(["checksum-all", undefined, "checksum-all"]);
    expect(plan({}, {}, crashed).mirrorNeed?.content).toBeUndefined();
  });

  test("a target whose machine crashed says so", () => {
    expect(plan({}, {}, { resumed: false, suspect: true }).mirrorNeed?.message).toContain("crashed");
  });

  test("a need that was there before is kept with the new one", () => {
    const planned = plan({}, { mirrorNeed: { ...NEED, mode: "full", extras: "report", isAutomatic: false } }, { resumed: false });
    expect(planned.mirrorNeed).toMatchObject({ mode: "full", extras: "report", since: NEED.since, changedSinceMs: 50, isAutomatic: true });
  });
});

describe("two needs for a mirror", () => {
  test("the earlier change counts; none is none", () => {
    expect(mergeNeeds(null, NEED)).toEqual(NEED);
    expect(mergeNeeds({ ...NEED, changedSinceMs: null }, NEED).changedSinceMs).toBe(50);
    expect(mergeNeeds(NEED, { ...NEED, changedSinceMs: null }).changedSinceMs).toBe(50);
    expect(mergeNeeds({ ...NEED, changedSinceMs: 70 }, NEED).changedSinceMs).toBe(50);
  });

  test("the later reason is shown with the earlier date", () => {
    expect(mergeNeeds(NEED, { ...NEED, reason: "rules", message: "new", since: NOW })).toMatchObject({ reason: "rules", message: "new", since: NEED.since });
  });

  test("a full one wins, from either side", () => {
    expect(mergeNeeds({ ...NEED, mode: "full" }, NEED).mode).toBe("full");
    expect(mergeNeeds(NEED, { ...NEED, mode: "full" }).mode).toBe("full");
  });

  test("files that are not replication's stay protected", () => {
    expect(mergeNeeds({ ...NEED, extras: "report" }, NEED).extras).toBe("report");
    expect(mergeNeeds(NEED, { ...NEED, extras: "report" }).extras).toBe("report");
  });
});
