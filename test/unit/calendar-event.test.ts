import { describe, expect, onTestFinished, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { parseCalendarEvent } from "../../src/model/calendar-event.js";
import { nextOccurrence, nextOccurrences } from "../../src/model/calendar-event-next.js";

/** The zone of this test alone. */
function inZone(zone: string): void {
  const before = process.env.TZ;
  process.env.TZ = zone;
  onTestFinished(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });
}

function timesAfter(text: string, from: string, count = 3): string[] {
  return nextOccurrences(parseCalendarEvent(text), Date.parse(from), count).map((ms) => new Date(ms).toISOString().replace(".000Z", "Z"));
}

const utc = (text: string, from: string, count?: number): string[] => timesAfter(`${text} UTC`, from, count);

describe("the next times, in UTC", () => {
  // 2026-11-20 is a Friday.
  const NOW = "2026-11-20T10:07:30Z";
  test.each<readonly [string, readonly string[]]>([
    ["*/15", ["2026-11-20T10:15:00Z", "2026-11-20T10:30:00Z", "2026-11-20T10:45:00Z"]],
    ["30", ["2026-11-20T10:30:00Z", "2026-11-20T11:30:00Z", "2026-11-20T12:30:00Z"]],
    ["22:00", ["2026-11-20T22:00:00Z", "2026-11-21T22:00:00Z", "2026-11-22T22:00:00Z"]],
    ["mon..fri 8..17,22:0/15", ["2026-11-20T10:15:00Z", "2026-11-20T10:30:00Z", "2026-11-20T10:45:00Z"]],
    ["12/2:5", ["2026-11-20T12:05:00Z", "2026-11-20T14:05:00Z", "2026-11-20T16:05:00Z"]],
    ["*-05", ["2026-12-05T00:00:00Z", "2027-01-05T00:00:00Z", "2027-02-05T00:00:00Z"]],
    ["Sat *-1..7 15:00", ["2026-12-05T15:00:00Z", "2027-01-02T15:00:00Z", "2027-02-06T15:00:00Z"]],
    ["sat*-1..7 15:00", ["2026-12-05T15:00:00Z", "2027-01-02T15:00:00Z", "2027-02-06T15:00:00Z"]],
    ["4..10/2:0", ["2026-11-21T04:00:00Z", "2026-11-21T06:00:00Z", "2026-11-21T08:00:00Z"]],
    ["6,4..10:23,5/5", ["2026-11-20T10:10:00Z", "2026-11-20T10:15:00Z", "2026-11-20T10:20:00Z"]],
    ["Fri..Mon 12:00", ["2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z"]],
    ["wednesday", ["2026-11-25T00:00:00Z", "2026-12-02T00:00:00Z", "2026-12-09T00:00:00Z"]],
    ["10:07:31/10", ["2026-11-20T10:07:31Z", "2026-11-20T10:07:41Z", "2026-11-20T10:07:51Z"]],
    ["2028-02-29 1:2:3", ["2028-02-29T01:02:03Z"]],
    ["1965/5-01-01", ["2030-01-01T00:00:00Z", "2035-01-01T00:00:00Z", "2040-01-01T00:00:00Z"]],
    ["31", ["2026-11-20T10:31:00Z", "2026-11-20T11:31:00Z", "2026-11-20T12:31:00Z"]],
    ["*-31", ["2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z", "2027-03-31T00:00:00Z"]],
    ["mon 02-29", ["2044-02-29T00:00:00Z", "2072-02-29T00:00:00Z", "2112-02-29T00:00:00Z"]],
    ["minutely", ["2026-11-20T10:08:00Z", "2026-11-20T10:09:00Z", "2026-11-20T10:10:00Z"]],
    ["hourly", ["2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z"]],
    ["daily", ["2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"]],
    ["weekly", ["2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"]],
    ["monthly", ["2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"]],
    ["quarterly", ["2027-01-01T00:00:00Z", "2027-04-01T00:00:00Z", "2027-07-01T00:00:00Z"]],
    ["semiannually", ["2027-01-01T00:00:00Z", "2027-07-01T00:00:00Z", "2028-01-01T00:00:00Z"]],
    ["semi-annually", ["2027-01-01T00:00:00Z", "2027-07-01T00:00:00Z", "2028-01-01T00:00:00Z"]],
    ["yearly", ["2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z"]],
    ["annually", ["2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z"]],
  ])("%s", (text, expected) => {
    expect(utc(text, NOW)).toEqual(expected);
  });

  test("steps of minutes within hours, over a weekend", () => {
    const times = utc("fri 12..13:5/20", NOW, 7);
    expect(times.map((time) => time.slice(11, 16))).toEqual(["12:05", "12:25", "12:45", "13:05", "13:25", "13:45", "12:05"]);
    expect(times[6]?.slice(0, 10)).toBe("2026-11-27");
  });

  test("leap days from the beginning of time", () => {
    expect(utc("02-29", "1970-01-01T00:00:00Z")).toEqual(["1972-02-29T00:00:00Z", "1976-02-29T00:00:00Z", "1980-02-29T00:00:00Z"]);
    expect(utc("02-29", "2096-03-01T00:00:00Z", 1)).toEqual(["2104-02-29T00:00:00Z"]);
  });

  test("never", () => {
    for (const text of ["2021-02-29", "02-30", "2015-10-21", "*-04-31"]) expect(utc(text, NOW)).toEqual([]);
    expect(utc("2198-12-31", "2198-12-31T00:00:00Z")).toEqual([]);
  });

  test("strictly after, to the second", () => {
    expect(utc("10:00", "2026-11-20T10:00:00Z", 1)).toEqual(["2026-11-21T10:00:00Z"]);
    expect(utc("10:00", "2026-11-20T09:59:59.999Z", 1)).toEqual(["2026-11-20T10:00:00Z"]);
    expect(utc("*:*:*", "2026-11-20T09:59:59.001Z", 2)).toEqual(["2026-11-20T10:00:00Z", "2026-11-20T10:00:01Z"]);
  });
});

describe("days on which the clocks are changed", () => {
  // Berlin 2026: forward on 29 March at 02:00 (01:00 UTC), back on 25 October at 03:00 (01:00 UTC).
  test("a time that is skipped is when the clocks are changed; the next day it is as ever", () => {
    inZone("Europe/Berlin");
    expect(timesAfter("2:30", "2026-03-28T12:00:00Z", 2)).toEqual(["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    expect(timesAfter("2..3:0/30", "2026-03-29T00:00:00Z", 3)).toEqual(["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:00:00Z"]);
  });

  test("a time that comes twice counts once", () => {
    inZone("Europe/Berlin");
    expect(timesAfter("2:30", "2026-10-24T12:00:00Z", 2)).toEqual(["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    expect(timesAfter("2:30", "2026-10-25T00:45:00Z", 1)).toEqual(["2026-10-26T01:30:00Z"]);
  });

  test("what happens every hour happens as often as there are hours", () => {
    inZone("Europe/Berlin");
    const back = timesAfter("*:30", "2026-10-24T22:00:00Z", 25);
    expect(new Set(back.map((time) => Date.parse(time) % 3_600_000))).toEqual(new Set([1_800_000]));
    expect([back[0], back[24]]).toEqual(["2026-10-24T22:30:00Z", "2026-10-25T22:30:00Z"]);
    expect(timesAfter("hourly", "2026-03-29T00:00:00Z", 3)).toEqual(["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", "2026-03-29T03:00:00Z"]);
  });

  test("midnight itself can be skipped", () => {
    inZone("America/Santiago");
    // 2026-09-06 00:00 becomes 01:00, at 04:00 UTC.
    expect(timesAfter("daily", "2026-09-05T12:00:00Z", 2)).toEqual(["2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"]);
    expect(timesAfter("*:15", "2026-09-06T03:30:00Z", 2)).toEqual(["2026-09-06T04:15:00Z", "2026-09-06T05:15:00Z"]);
  });

  test("half an hour", () => {
    inZone("Australia/Lord_Howe");
    // Back by half an hour on 2026-04-05 at 02:00 (15:00 UTC of the day before).
    expect(timesAfter("*:45", "2026-04-04T14:30:00Z", 3)).toEqual(["2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", "2026-04-04T16:15:00Z"]);
  });

  test("UTC does not care", () => {
    inZone("Europe/Berlin");
    expect(timesAfter("2:30 utc", "2026-03-28T12:00:00Z", 2)).toEqual(["2026-03-29T02:30:00Z", "2026-03-30T02:30:00Z"]);
    expect(timesAfter("dailyUTC", "2026-03-28T12:00:00Z", 1)).toEqual(["2026-03-29T00:00:00Z"]);
  });

  test.each(["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kolkata"])(
    "times rise, and each is the next of the one before, in %s",
    (zone) => {
      inZone(zone);
      for (const text of ["*/7", "2:0/20", "1..4:30", "0:0", "*:*:30", "sun 1..3:*/11"]) {
        const event = parseCalendarEvent(text);
        for (const from of ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z", "2026-04-04T10:00:00Z", "2026-09-05T20:00:00Z"]) {
          const times = nextOccurrences(event, Date.parse(from), 60);
          for (const [index, time] of times.entries()) {
            const before = index === 0 ? Date.parse(from) : (times[index - 1] ?? 0);
            expect(time).toBeGreaterThan(before);
            expect(nextOccurrence(event, time - 1)).toBe(time);
          }
        }
      }
    },
  );
});

describe("what is no calendar event says where", () => {
  test.each<readonly [string, number, number, string]>([
    ["", 0, 0, "nothing is said"],
    ["   ", 0, 3, "nothing is said"],
    ["61", 0, 2, "minutes are 0 to 59, not 61"],
    ["*/61", 0, 4, "a step of minutes is at most 59"],
    ["*/0", 2, 1, "a step is at least 1"],
    ["0..80", 0, 5, "minutes are 0 to 59, not 80"],
    ["mon 0 0", 6, 1, '"0" is left over'],
    ["mon..foo 8:00", 5, 3, '"foo" is no day of the week'],
    ["mon, 8:00", 4, 1, "a day of the week is missing"],
    ["8:00 mon", 5, 3, '"mon" is left over'],
    ["25:00", 0, 2, "hours are 0 to 23"],
    ["10:20:60", 6, 2, "seconds are 0 to 59"],
    ["1:2:3:4", 5, 1, "at most 3 parts"],
    ["13-01", 0, 2, "months are 1 to 12"],
    ["0-01", 0, 1, "months are 1 to 12, not 0"],
    ["2200-01-01", 0, 4, "years are 0 to 2199"],
    ["01-32", 3, 2, "days of the month are 1 to 31"],
    ["8..6:00", 0, 4, "8 is above 6"],
    ["1,*:00", 2, 1, '"*" cannot be one of several'],
    ["8:", 2, 1, "is missing behind"],
    ["8..:0", 3, 1, "a number is missing"],
    ["fortnightly", 0, 11, '"fortnightly" is no day of the week'],
    ["?", 0, 1, '"?" is neither'],
    ["10:00 2026-01-01", 6, 10, "left over"],
    ["99999", 0, 5, "too large"],
    ["UTC", 0, 3, "neither"],
  ])("%j", (text, position, length, why) => {
    let failure: unknown;
    try {
      parseCalendarEvent(text);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(SmError);
    expect(failure).toMatchObject({ code: "CALENDAR_INVALID", data: { position, length } });
    expect((failure as SmError).message).toContain(why);
  });

  test("too long a text", () => {
    expect(() => parseCalendarEvent(`${"1,".repeat(80)}1`)).toThrow("at most 128 characters");
  });
});
