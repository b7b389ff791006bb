import { SmError } from "../../base/errors.js";
import { parseMoment } from "../../model/moment.js";
import { parseDurationSeconds } from "./duration.js";

const MS_MAX = 100 * 366 * 86_400_000;

/** "30d", "12h": so long from now; "2027-06-30" (midnight), "2027-06-30 18:00" (local), "2027-06-30T18:00:00Z" → ISO 8601. In the future. */
export function parseExpiry(flag: string, text: string, nowMs: number): string {
  const isDuration = /^\d+(\.\d+)?[smhd]?$/.test(text);
  const ms = isDuration ? nowMs + parseDurationSeconds(flag, text) * 1000 : parseMoment(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text} 00:00` : text);
  if (ms <= nowMs || ms > nowMs + MS_MAX) throw new SmError("USAGE", `${flag} ${text} is not in the future, or too far`);
  return new Date(ms).toISOString();
}
