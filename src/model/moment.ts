import { SmError } from "../base/errors.js";

/** "2026-11-20 22:00", "2026-11-20T22:00:30" in local time, or with "Z" or "+01:00" behind it; in ms since 1970. */
export function parseMoment(text: string): number {
  const match = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?$/.exec(text.trim());
  const ms = match === null ? Number.NaN : Date.parse(text.trim().replace(" ", "T"));
  // 30 February would be taken for 2 March.
  const isReal = match !== null && new Date(Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]))).getUTCDate() === Number(match[3]);
  if (!Number.isNaN(ms) && isReal) return ms;
  throw new SmError("USAGE", `${JSON.stringify(text)} is no time: give it as 2026-11-20 22:00 (local), or as 2026-11-20T22:00:00Z`);
}
