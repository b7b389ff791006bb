import { SmError } from "../../base/errors.js";

const SECONDS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** "90", "90s", "15m", "1h", "2d" → seconds. */
export function parseDurationSeconds(flag: string, text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)([smhd]?)$/.exec(text);
  const unit = SECONDS[match?.[2] ?? "none"];
  if (match === null || unit === undefined) throw new SmError("USAGE", `${flag} is ${JSON.stringify(text)}, but must be a duration such as 90s, 15m, 1h or 2d`);
  return Number(match[1]) * unit;
}
