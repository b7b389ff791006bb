import { describe, expect, test } from "vitest";
import { parseDuring, parseLimit } from "../../src/cli/parse/limit-flags.js";
import { parseScheduleChange } from "../../src/cli/parse/schedule-flags.js";
import { parseBitRate, parseBytes, parseRate } from "../../src/cli/parse/sizes.js";
import { parseMoment } from "../../src/model/moment.js";

const usage = expect.objectContaining({ code: "USAGE" });

test.each([
  ["19300", 19_300],
  ["512KiB", 524_288],
  ["512k", 524_288],
  ["1.5MB", 1_500_000],
  ["2G", 2 ** 31],
  ["1 MiB", 1_048_576],
  ["7B", 7],
])("%s are %i bytes", (text, bytes) => {
  expect(parseBytes("--x", text)).toBe(bytes);
});

test.each(["", "MiB", "-1", "1iB", "1e6", "1XB", "1.2.3"])("%j is no number of bytes", (text) => {
  expect(() => parseBytes("--x", text)).toThrow(usage);
});

test("speeds", () => {
  expect([parseBitRate("--link", "100mbit"), parseBitRate("--link", "1.5Gbit/s"), parseBitRate("--link", "64kbps")]).toEqual([1e8, 1.5e9, 64_000]);
  expect(() => parseBitRate("--link", "100MB")).toThrow(usage);
  expect([parseRate("rate", "1MiB/s"), parseRate("rate", "10mbit"), parseRate("rate", "500KB")]).toEqual([1_048_576, 1_250_000, 500_000]);
});

describe("a schedule", () => {
  test("what is given, none, and all of it", () => {
    const change = parseScheduleChange({
      every: "30m",
      calendar: "none",
      "queue-bytes": "10MB",
      "queue-percent": "40%",
      "stop-after": "90s",
      window: "9:00-17:30",
    });
    expect(change).toEqual({
      everyMs: 1_800_000,
      calendar: null,
      queueBytes: 1e7,
      queuePercent: 40,
      stopAfterMs: 90_000,
      window: { open: "09:00", close: "17:30" },
    });
    expect(parseScheduleChange({ window: "none", disable: true })).toEqual({ window: null, enabled: false });
    expect(parseScheduleChange({ clear: true })).toBeNull();
  });

  test.each([{}, { clear: true, every: "1m" }, { window: "24:00-01:00" }, { window: "9-17" }, { "queue-percent": "0" }, { "queue-percent": "101" }])(
    "%j is refused",
    (flags) => {
      expect(() => parseScheduleChange(flags)).toThrow(usage);
    },
  );
});

test("a limit is one of a rate, a share, nothing; and at times, for so long", () => {
  expect(parseLimit({ rate: "1MiB" })).toEqual({ bytesPerSecond: 1_048_576 });
  expect(parseLimit({ percent: "40", link: "100mbit" })).toEqual({ percent: 40, linkBitsPerSecond: 1e8 });
  expect(parseLimit({ automatic: true })).toEqual({ automatic: true });
  expect([parseLimit({ rate: "none" }), parseLimit({ clear: true })]).toEqual([null, "clear"]);
  expect(parseDuring({ during: "8:00", lasting: "10h" })).toEqual({ calendar: "8:00", lastingMs: 36_000_000 });
  for (const flags of [
    {},
    { rate: "1MiB", clear: true },
    { rate: "1MiB", automatic: true },
    { automatic: true, clear: true },
    { rate: "1MiB", percent: "1", link: "1mbit" },
  ])
    expect(() => parseLimit(flags)).toThrow(usage);
  expect(() => parseDuring({ during: "8:00" })).toThrow(usage);
});

test("moments", () => {
  expect(parseMoment("2026-11-20T22:00:00Z")).toBe(Date.UTC(2026, 10, 20, 22));
  expect(parseMoment("2026-11-20T22:00:30+01:00")).toBe(Date.UTC(2026, 10, 20, 21, 0, 30));
  expect(parseMoment("2026-11-20 22:00")).toBe(new Date(2026, 10, 20, 22).getTime());
  for (const text of ["", "22:00", "2026-02-30 10:00", "2026-13-01 10:00", "2026-11-20", "2026-11-20 25:00"]) expect(() => parseMoment(text)).toThrow(usage);
});
