import { SmError } from "../../base/errors.js";
import type { ApiCommands } from "../../control/api.js";
import { durationMs, parsePercent } from "./schedule-flags.js";
import { parseBitRate, parseRate } from "./sizes.js";

type Input = ApiCommands["transmission.limit"]["input"];

export interface LimitFlags {
  readonly rate?: string | undefined;
  readonly percent?: string | undefined;
  readonly link?: string | undefined;
  readonly automatic?: boolean | undefined;
  readonly during?: string | undefined;
  readonly lasting?: string | undefined;
  readonly clear?: boolean | undefined;
}

/** Null = no limit. */
export function parseLimit({ rate, percent, link, automatic, lasting, clear }: LimitFlags): Input["rate"] | "clear" {
  const given = [rate !== undefined, percent !== undefined, automatic === true, clear === true].filter(Boolean).length;
  if (given !== 1) throw new SmError("USAGE", "give one of: a rate such as 1MiB (or none), --percent with --link, --automatic, --clear");
  if (clear === true && lasting !== undefined)
    throw new SmError("USAGE", "--clear with --during takes that time away, however long it lasts: leave --lasting out");
  if (clear === true) return "clear";
  if (automatic === true) return { automatic: true };
  if (rate === "none") return null;
  if (rate !== undefined) return { bytesPerSecond: parseRate("the rate", rate) };
  return { percent: parsePercent("--percent", percent ?? ""), linkBitsPerSecond: parseBitRate("--link", link ?? "") };
}

export function parseDuring({ during, lasting }: LimitFlags): Input["during"] {
  if (during === undefined) return null;
  if (lasting === undefined) throw new SmError("USAGE", "--during says when a limit begins: give --lasting, how long it holds");
  return { calendar: during, lastingMs: durationMs("--lasting", lasting) };
}
