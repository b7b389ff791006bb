// The quarantine as it is told to the source and shown to people.

import { displayPath } from "../model/byte-path.js";
import type { QuarantineNews } from "../model/session.js";
import type { HeldPath, Quarantine } from "./quarantine.js";

const SHOWN_MAX = 20;

/** Without questions. `limitMs`: how long a path is tried before it counts as given up; null = for ever. */
export function newsOf({ all, lastAsk }: Pick<Quarantine, "all" | "lastAsk">, limitMs: number | null, nowMs: number): QuarantineNews {
  const givenUp = all.filter((entry) => isGivenUp(entry, limitMs, nowMs)).length;
  return { count: all.length, givenUp, shown: all.slice(0, SHOWN_MAX).map(shownOf), asks: [], asked: lastAsk, mirror: mirrorOf(all) };
}

export function isGivenUp({ isDropped, sinceMs }: Pick<HeldPath, "isDropped" | "sinceMs">, limitMs: number | null, nowMs: number): boolean {
  return isDropped || (limitMs !== null && nowMs - sinceMs >= limitMs);
}

function shownOf({ id, path, code, message, sinceMs, attempts, ask, isDropped, nextMs }: HeldPath): QuarantineNews["shown"][number] {
  const isWaiting = ask === 0 && !isDropped;
  return {
    id,
    path: displayPath(path).slice(0, 8192),
    code: code.slice(0, 64),
    message: message.slice(0, 2000),
    sinceMs,
    attempts,
    nextMs: isWaiting && Number.isFinite(nextMs) ? nextMs : null,
  };
}

/** The last question that only a mirror answers. */
function mirrorOf(all: readonly HeldPath[]): QuarantineNews["mirror"] {
  const asked = all.filter(({ ask, isWide, isDropped }) => ask > 0 && (isWide || isDropped));
  if (asked.length === 0) return null;
  return { ask: Math.max(...asked.map(({ ask }) => ask)), isAutomatic: asked.some(({ isDropped }) => !isDropped) };
}
