// A job that does not move says why, whatever keeps it.

import { expect, test } from "vitest";
import { type WaitingConnection, whyJobsWait } from "../../src/agent/job-waits.js";
import { DEFAULT_TRANSMISSION, NO_SCHEDULE } from "../../src/model/transmission.js";

const NOON_MS = new Date(2026, 10, 21, 12, 0).getTime();

interface Parts {
  readonly guard?: object;
  readonly state?: object;
  readonly channel?: object | null;
  readonly settings?: object;
  readonly transmission?: object;
  readonly retrying?: object;
  readonly stall?: object;
}

function connection({ guard, state, channel = {}, settings, transmission, retrying, stall }: Parts): WaitingConnection {
  return {
    id: 3,
    record: { id: 3, peer: "B" },
    state: { kind: "streaming", ...state },
    channel,
    guard: { isHeld: false, isRejected: false, ...guard },
    transmission: {
      settings: { ...DEFAULT_TRANSMISSION, ...settings },
      isLinkWanted: true,
      targetPause: "no",
      targetPauseSince: "",
      heldSince: "",
      ...transmission,
    },
    retrying: retrying ?? null,
    stall: { reason: stall ?? null },
    options: {},
  } as unknown as WaitingConnection;
}

const TABLE: readonly (readonly [string, Parts, string | null])[] = [
  ["nothing", {}, null],
  ["no link", { channel: null }, "the target is not connected"],
  ["a source that is away", { channel: null, state: { kind: "halted", fault: { code: "ROOT_MISSING", message: "/data is not there" } } }, "/data is not there"],
  ["a guard", { guard: { isHeld: true } }, "held until a person decides (`sm connection show 3`)"],
  ["a rejection", { guard: { isRejected: true } }, "held until a person decides"],
  [
    "transmission that is stopped",
    { channel: null, settings: { manual: "stopped" } },
    "stopped by hand: there is no link to the target (`sm transmission start 3`)",
  ],
  ["transmission that is paused", { settings: { manual: "paused" } }, "(`sm transmission resume 3`)"],
  [
    "a window that is closed",
    {
      channel: null,
      settings: { schedule: { ...NO_SCHEDULE, window: { open: "21:00", close: "04:00" } } },
      transmission: { isLinkWanted: false },
    },
    "the transmission window from 21:00 to 04:00 is closed",
  ],
  [
    "a target whose disk is full",
    { retrying: { code: "DISK_FULL", message: "no space left", path: "", sinceMs: 0, attempts: 3 } },
    "does not go on: no space left",
  ],
  ["a link on which nothing moves", { stall: { message: "nothing was acknowledged for 60 s" } }, "nothing was acknowledged"],
  ["a target that is paused", { transmission: { targetPause: "paused" } }, "the target was paused: it applies nothing (`sm target resume 3`)"],
];

test.each(TABLE)("%s", (_name, parts, expected) => {
  const why = whyJobsWait(connection(parts), NOON_MS);
  if (expected === null) expect(why).toBeNull();
  else expect(why).toContain(expected);
});
