import { SmError } from "../../base/errors.js";
import type { ApiCommands } from "../../control/api.js";
import { PERCENT_FORM, readPercent, readWindow, WINDOW_FORM } from "../../model/quantity-text.js";
import { parseDurationSeconds } from "./duration.js";
import { parseBytes } from "./sizes.js";

type Change = NonNullable<ApiCommands["transmission.schedule"]["input"]["change"]>;

export interface ScheduleFlags {
  readonly start?: string | undefined;
  readonly every?: string | undefined;
  readonly calendar?: string | undefined;
  readonly "queue-bytes"?: string | undefined;
  readonly "queue-percent"?: string | undefined;
  readonly "stop-after"?: string | undefined;
  readonly "stop-after-bytes"?: string | undefined;
  readonly window?: string | undefined;
  readonly clear?: boolean | undefined;
  readonly enable?: boolean | undefined;
  readonly disable?: boolean | undefined;
}

/** Null = take all of it away. "none" takes one thing away. */
export function parseScheduleChange(flags: ScheduleFlags): Change | null {
  const change: Change = {};
  const set = <Key extends keyof Change>(key: Key, text: string | undefined, parse: (text: string) => Change[Key]): void => {
    if (text !== undefined) change[key] = text === "none" ? (null as Change[Key]) : parse(text);
  };
  set("startAt", flags.start, (text) => text);
  set("everyMs", flags.every, (text) => durationMs("--every", text));
  set("calendar", flags.calendar, (text) => text);
  set("queueBytes", flags["queue-bytes"], (text) => parseBytes("--queue-bytes", text));
  set("queuePercent", flags["queue-percent"], (text) => parsePercent("--queue-percent", text));
  set("stopAfterMs", flags["stop-after"], (text) => durationMs("--stop-after", text));
  set("stopAfterBytes", flags["stop-after-bytes"], (text) => parseBytes("--stop-after-bytes", text));
  set("window", flags.window, parseWindow);
  if (flags.enable === true || flags.disable === true) change.enabled = flags.enable === true;
  const isEmpty = Object.keys(change).length === 0;
  if (flags.clear === true && !isEmpty) throw new SmError("USAGE", "--clear takes the whole schedule away: give nothing beside it");
  if (flags.clear === true) return null;
  if (isEmpty) throw new SmError("USAGE", "say what is to change, for example --window 21:00-04:00; `sm transmission show` shows what is set");
  return change;
}

export function durationMs(flag: string, text: string): number {
  return Math.round(parseDurationSeconds(flag, text) * 1000);
}

export function parsePercent(flag: string, text: string): number {
  const percent = readPercent(text);
  if (percent === undefined) throw new SmError("USAGE", `${flag} is ${JSON.stringify(text)}, but must be ${PERCENT_FORM}`);
  return percent;
}

export function parseWindow(text: string): { open: string; close: string } {
  const window = readWindow(text);
  if (window === undefined) throw new SmError("USAGE", `--window is ${JSON.stringify(text)}, but must be ${WINDOW_FORM}`);
  return window;
}
