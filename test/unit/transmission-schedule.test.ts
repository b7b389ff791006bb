import { describe, expect, onTestFinished, test } from "vitest";
import { AUTOMATIC, type BandwidthLimit, NO_SCHEDULE, type TransmissionSchedule, type TransmissionSession } from "../../src/model/transmission.js";
import { changeSchedule, closedWhy, endNow, isInWindow, nextStartInWindow, type QueueLook, rateAt, startNow } from "../../src/model/transmission-schedule.js";

const at = (text: string): number => new Date(`2026-11-20T${text}`).getTime();
const iso = (text: string): string => new Date(at(text)).toISOString();
const schedule = (part: Partial<TransmissionSchedule>): TransmissionSchedule => ({ ...NO_SCHEDULE, ...part });
const queue = (part: Partial<QueueLook> = {}): QueueLook => ({ bytes: 0, share: 0, owesMirror: false, isEmpty: false, ...part });
const NIGHT = { open: "21:00", close: "04:00" };

describe("a window", () => {
  test("over midnight", () => {
    const night = schedule({ window: NIGHT });
    expect(["20:59:59", "21:00:00", "23:59:59", "00:00:00", "03:59:59", "04:00:00", "12:00:00"].map((text) => isInWindow(night, at(text)))).toEqual([
      false,
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test("within a day", () => {
    const day = schedule({ window: { open: "08:30", close: "17:00" } });
    expect(["08:29:59", "08:30:00", "16:59:59", "17:00:00"].map((text) => isInWindow(day, at(text)))).toEqual([false, true, true, false]);
  });

  test("a start outside of it is none", () => {
    const late = schedule({ window: NIGHT, calendar: "5:00,30" });
    expect(nextStartInWindow(late, at("04:30:00"))).toBeNull();
    expect(startNow({ schedule: late, seenMs: at("04:59:59"), nowMs: at("05:00:00"), queue: queue() })).toBeNull();
    const both = schedule({ window: NIGHT, calendar: "5,22:00" });
    expect(nextStartInWindow(both, at("04:30:00"))).toBe(at("22:00:00"));
  });
});

describe("starts", () => {
  const first = schedule({ startAt: iso("10:00:00"), everyMs: 30 * 60_000, queueBytes: 100 });
  const start = (seen: string, now: string, part?: Partial<QueueLook>): string | null =>
    startNow({ schedule: first, seenMs: at(seen), nowMs: at(now), queue: queue(part) });

  test("nothing begins one before the first", () => {
    expect(start("09:59:58", "09:59:59", { bytes: 1000, owesMirror: true })).toBeNull();
    expect(start("09:59:59", "10:00:00")).toContain("the start of");
  });

  test("an interval counts from the first, and each start begins one session", () => {
    expect(start("10:00:00", "10:29:59")).toBeNull();
    expect(start("10:29:59", "10:30:00")).toContain(iso("10:30:00"));
    expect(start("10:30:00", "10:30:01")).toBeNull();
  });

  test("a clock that jumps ahead begins one session for all it passed; one that jumps back none again", () => {
    expect(start("10:00:01", "15:00:00")).toContain("the start of");
    expect(start("15:00:00", "15:00:01")).toBeNull();
    expect(start("15:00:00", "11:00:01")).toBeNull();
  });

  test("a threshold of bytes, or of the queue; a mirror that is owed counts as a full queue", () => {
    expect(start("10:00:01", "10:00:02", { bytes: 99 })).toBeNull();
    expect(start("10:00:01", "10:00:02", { bytes: 100 })).toContain("100 bytes waited");
    expect(start("10:00:01", "10:00:02", { owesMirror: true })).toContain("a mirror");
    const share = schedule({ queuePercent: 40 });
    expect(startNow({ schedule: share, seenMs: 0, nowMs: 1, queue: queue({ share: 0.399 }) })).toBeNull();
    expect(startNow({ schedule: share, seenMs: 0, nowMs: 1, queue: queue({ share: 0.4 }) })).toContain("40 %");
  });
});

test("what ends a session", () => {
  const session: TransmissionSession = { why: "", startedAt: "", elapsedMs: 60_000, bytes: 500 };
  const full = schedule({ calendar: "daily", stopAfterMs: 60_001, stopAfterBytes: 501, window: NIGHT });
  expect(endNow(full, session, at("22:00:00"), false)).toBeNull();
  expect(endNow(full, session, at("22:00:00"), true)).toBe("the queue is empty");
  expect(endNow(full, { ...session, elapsedMs: 60_001 }, at("22:00:00"), false)).toBe("its time is over");
  expect(endNow(full, { ...session, bytes: 501 }, at("22:00:00"), false)).toBe("its bytes are sent");
  expect(endNow(full, session, at("04:00:00"), false)).toBe("the window closed");
});

test("why nothing is sent, and when something may be", () => {
  expect(closedWhy(schedule({ window: NIGHT }), at("12:00:00"))).toEqual({ why: "window", nextAtMs: at("21:00:00") });
  expect(closedWhy(schedule({ window: NIGHT, calendar: "22:00" }), at("12:00:00"))).toEqual({ why: "window", nextAtMs: at("22:00:00") });
  expect(closedWhy(schedule({ startAt: iso("13:00:00") }), at("12:00:00"))).toEqual({ why: "start", nextAtMs: at("13:00:00") });
  expect(closedWhy(schedule({ startAt: iso("11:00:00") }), at("12:00:00"))).toEqual({ why: "over", nextAtMs: null });
  expect(closedWhy(schedule({ queueBytes: 5 }), at("12:00:00"))).toEqual({ why: "waiting", nextAtMs: null });
});

describe("a change of a schedule", () => {
  test("what is not named stays, null takes away, nothing left is no schedule", () => {
    const one = changeSchedule(null, { calendar: "daily", window: NIGHT });
    const two = changeSchedule(one, { stopAfterMs: 1000, window: undefined });
    expect(two).toEqual(schedule({ calendar: "daily", window: NIGHT, stopAfterMs: 1000 }));
    expect(changeSchedule(two, { enabled: false })).toEqual({ ...two, enabled: false });
    expect(changeSchedule(two, { calendar: null, stopAfterMs: null, window: null })).toBeNull();
  });

  test.each([
    [{ everyMs: 1000 }, "needs the start"],
    [{ stopAfterBytes: 5 }, "needs something that begins one"],
    [{ stopAfterMs: 5000, window: NIGHT }, "needs something that begins one"],
    [{ window: { open: "10:00", close: "10:00" } }, "has no length"],
    [{ enabled: false }, "no schedule to enable"],
    [{ calendar: "61" }, "minutes are 0 to 59"],
  ])("%j is refused", (change, why) => {
    expect(() => changeSchedule(null, change)).toThrow(why);
  });
});

test("the limit that holds: times before the standing one, of several the lowest", () => {
  const rate = (bytesPerSecond: number) => ({ bytesPerSecond, share: null });
  const limit: BandwidthLimit = {
    standing: rate(5000),
    times: [
      { calendar: "8:00", lastingMs: 4 * 3_600_000, rate: rate(9000) },
      { calendar: "10:00", lastingMs: 3_600_000, rate: rate(2000) },
      { calendar: "22:00", lastingMs: 7 * 3_600_000, rate: null },
    ],
  };
  const now = ["07:59:59", "08:00:00", "10:30:00", "11:00:00", "12:00:00", "22:00:00", "04:59:59"];
  expect(now.map((text) => rateAt(limit, at(text), null))).toEqual(
    [5000, 9000, 2000, 9000, 5000, null, null].map((bytes) => (bytes === null ? null : rate(bytes))),
  );
  const automatic: BandwidthLimit = { standing: rate(5000), times: [...limit.times, { calendar: "8:00", lastingMs: 6 * 3_600_000, rate: AUTOMATIC }] };
  // As low as what it found, and not before it found anything.
  expect([null, 5000, 1000].map((found) => rateAt(automatic, at("10:30:00"), found))).toEqual([rate(2000), rate(2000), AUTOMATIC]);
  expect([null, 5000, 1000].map((found) => rateAt(automatic, at("13:00:00"), found))).toEqual([AUTOMATIC, AUTOMATIC, AUTOMATIC]);
  expect(rateAt(automatic, at("14:00:00"), 1000)).toEqual(rate(5000));
});

test("in a zone whose clocks are changed, a window is what the clocks show", () => {
  const before = process.env.TZ;
  process.env.TZ = "Europe/Berlin";
  onTestFinished(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });
  const night = schedule({ window: { open: "02:15", close: "02:45" } });
  // The half hour does not exist on 29 March, and comes twice on 25 October.
  expect(["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"].map((text) => isInWindow(night, Date.parse(text)))).toEqual([false, false]);
  expect(["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"].map((text) => isInWindow(night, Date.parse(text)))).toEqual([
    true,
    true,
    false,
  ]);
});
