import { SmError } from "../../base/errors.js";
import type { GuardSetting } from "../../model/connection-spec.js";

/** "20", "20%", "off", "configured". */
export function parseGuard(what: string, text: string): GuardSetting {
  if (text === "off" || text === "configured") return text;
  const percent = Number(/^(\d{1,3})%?$/.exec(text)?.[1] ?? Number.NaN);
  if (percent >= 1 && percent <= 100) return percent;
  throw new SmError("USAGE", `${what} is ${JSON.stringify(text)}, but must be a percentage from 1 to 100, off, or configured (as guard.lostPercent says)`);
}
