import { SmError } from "../../base/errors.js";
import type { ApiCommands } from "../../control/api.js";
import { type OrphanFlags, parseOrphanFlags } from "./orphan-flags.js";
import { durationMs } from "./schedule-flags.js";

type Change = NonNullable<ApiCommands["verify.schedule.set"]["input"]["change"]>;

export interface VerifyScheduleFlags extends Omit<OrphanFlags, "orphans"> {
  readonly at?: string | undefined;
  readonly start?: string | undefined;
  readonly every?: string | undefined;
  readonly checksum?: boolean | undefined;
  readonly "checksum-all"?: boolean | undefined;
  readonly repair?: boolean | undefined;
  readonly newer?: boolean | undefined;
  readonly "catch-up"?: boolean | undefined;
  readonly orphans?: "report" | "delete" | "move" | "none" | undefined;
  readonly enable?: boolean | undefined;
  readonly disable?: boolean | undefined;
  readonly off?: boolean | undefined;
}

/** Null = take all of it away; undefined = nothing was named. "none" takes one thing away. */
export function parseVerifySchedule(flags: VerifyScheduleFlags): Change | null | undefined {
  const change: Change = {};
  const orNull = <T>(text: string, parse: (text: string) => T): T | null => (text === "none" ? null : parse(text));
  if (flags.at !== undefined) change.calendar = orNull(flags.at, (text) => text);
  if (flags.start !== undefined) change.startAt = orNull(flags.start, (text) => text);
  if (flags.every !== undefined) change.everyMs = orNull(flags.every, (text) => durationMs("--every", text));
  if (flags["checksum-all"] === true) change.content = "all";
  else if (flags.checksum !== undefined) change.content = flags.checksum ? "flagged" : "times";
  if (flags.newer === true && flags.repair !== true) throw new SmError("USAGE", "--newer goes with --repair, and only with it");
  if (flags.repair !== undefined) change.repair = flags.repair ? (flags.newer === true ? "newer" : "all") : "no";
  if (flags["catch-up"] !== undefined) change.catchesUp = flags["catch-up"];
  if (flags.orphans !== undefined) change.orphans = flags.orphans === "none" ? null : parseOrphanFlags({ ...flags, orphans: flags.orphans });
  if (flags.enable === true || flags.disable === true) change.enabled = flags.enable === true;
  const isEmpty = Object.keys(change).length === 0;
  if (flags.off !== true) return isEmpty ? undefined : change;
  if (!isEmpty) throw new SmError("USAGE", "--off takes the whole schedule away: give nothing beside it");
  return null;
}
