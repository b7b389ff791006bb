// The flags of schedules of verifications, and of orphans behind mirrors and verifications.

import { expect, test } from "vitest";
import { parseOrphanFlags } from "../../src/cli/parse/orphan-flags.js";
import { parseVerifySchedule, type VerifyScheduleFlags } from "../../src/cli/parse/verify-schedule-flags.js";
import { contradictionIn } from "../../src/model/mirror-wish.js";

const NOTHING = { to: null, olderThanMs: null, includesExcluded: false, isConfirmed: false, isDryRun: false };

const CHANGES: readonly (readonly [VerifyScheduleFlags, unknown])[] = [
  [{}, undefined],
  [{ off: true }, null],
  [
    { at: "sun 02:00", "checksum-all": true, repair: true },
    { calendar: "sun 02:00", content: "all", repair: "all" },
  ],
  [
    { at: "none", start: "2026-11-20 22:00", every: "12h" },
    { calendar: null, startAt: "2026-11-20 22:00", everyMs: 43_200_000 },
  ],
  [
    { checksum: false, repair: true, newer: true, "catch-up": false },
    { content: "times", repair: "newer", catchesUp: false },
  ],
  [
    { checksum: true, repair: false, enable: true },
    { content: "flagged", repair: "no", enabled: true },
  ],
  [
    { orphans: "none", disable: true },
    { orphans: null, enabled: false },
  ],
  [{ orphans: "delete", "older-than": "7d" }, { orphans: { ...NOTHING, action: "delete", olderThanMs: 604_800_000 } }],
];

test.each(CHANGES)("a schedule is changed by what is named: %j", (flags, change) => {
  expect(parseVerifySchedule(flags)).toEqual(change);
});

test("what does not go together is refused", () => {
  expect(() => parseVerifySchedule({ off: true, at: "02:00" })).toThrow("give nothing beside it");
  expect(() => parseVerifySchedule({ newer: true })).toThrow("--repair");
  expect(() => parseOrphanFlags({ orphans: "move" })).toThrow("--to DIR");
  expect(() => parseOrphanFlags({ orphans: "delete", to: "/srv/aside" })).toThrow("--to DIR");
  const wish = { mode: "difference", content: "times", newerOnly: false } as const;
  const orphans = { ...NOTHING, action: "move", to: "/srv/aside" } as const;
  expect(contradictionIn({ ...wish, orphans })).toBeNull();
  expect(contradictionIn({ ...wish, orphans, paths: ["/data/x"] })).toContain("whole set");
  expect(contradictionIn({ ...wish, orphans: { ...orphans, to: "aside" } })).toContain("absolute");
});

test("orphans are looked for when that is asked for", () => {
  expect(parseOrphanFlags({})).toBeNull();
  expect(parseOrphanFlags({ orphans: "move", to: "/srv/aside", yes: true, "include-excluded": true })).toEqual({
    ...NOTHING,
    action: "move",
    to: "/srv/aside",
    isConfirmed: true,
    includesExcluded: true,
  });
});
