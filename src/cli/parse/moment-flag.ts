import { SmError } from "../../base/errors.js";
import { parseDurationSeconds } from "./duration.js";

/** "2026-05-01T10:00:00Z", "2026-05-01 10:00" (local time), or so long ago: "15m", "2h" → ISO 8601. */
export function parseMoment(flag: string, text: string, nowMs: number): string {
  const isDuration = /^\d+(\.\d+)?[smhd]?$/.test(text);
  const ms = isDuration ? nowMs - parseDurationSeconds(flag, text) * 1000 : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text.replace(" ", "T")) : Number.NaN;
  if (Number.isNaN(ms) || Math.abs(ms) > 8e15)
    throw new SmError("USAGE", `${flag} is ${JSON.stringify(text)}, but must be a time such as 2026-05-01T10:00:00Z, or so long ago: 15m, 2h, 3d`);
  return new Date(ms).toISOString();
}
