import { SmError } from "../../base/errors.js";
import { DURATION_FORM, readSeconds } from "../../model/quantity-text.js";

/** "90", "90s", "15m", "1h", "2d" → seconds. */
export function parseDurationSeconds(flag: string, text: string): number {
  const seconds = readSeconds(text);
  if (seconds === undefined) throw new SmError("USAGE", `${flag} is ${JSON.stringify(text)}, but must be ${DURATION_FORM}`);
  return seconds;
}
