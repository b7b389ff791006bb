import type { QuarantineEntry } from "../../model/control-port.js";
import { oneLine } from "./printable.js";
import { formatTime } from "./quantities.js";

export function formatQuarantine(entries: readonly QuarantineEntry[]): string {
  if (entries.length === 0) return "nothing is in quarantine";
  return entries.flatMap(linesOf).join("\n");
}

function linesOf({ path, connectionId, source, repset, message, since, state, nextAt, needsMirror }: QuarantineEntry): string[] {
  const next = nextAt === null ? "" : `, next at ${formatTime(nextAt)}`;
  const mirror = needsMirror ? ", needs a mirror" : "";
  return [
    oneLine(path),
    `  ${oneLine(message)}`,
    `  ${state} since ${formatTime(since)}${next}${mirror}; connection ${connectionId}, ${repset} from ${source}`,
  ];
}
