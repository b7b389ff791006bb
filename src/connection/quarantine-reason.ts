// The quarantine in words, as both sides show it.

import type { QuarantineNews } from "../model/session.js";
import type { Reason } from "../model/status.js";

export interface ReasonPlace {
  /** Named when there are several paths. */
  readonly object: string;
  /** Where the command is to be given: " on NAME", or "". */
  readonly where: string;
}

/** Null when nothing is held. */
export function quarantineReason(news: QuarantineNews | null, { object, where }: ReasonPlace): Reason | null {
  const [first] = news?.shown ?? [];
  if (news === null || first === undefined) return null;
  const { count, givenUp } = news;
  const times = news.shown.map(({ nextMs }) => nextMs).filter((ms) => ms !== null);
  const isOver = givenUp === count;
  return {
    code: givenUp > 0 ? "QUARANTINED" : "QUARANTINE_RETRYING",
    message: count === 1 ? `${first.path}: ${first.message}` : `${count} paths refuse changes; the first is ${first.path}: ${first.message}`,
    object: count === 1 ? first.path : object,
    since: new Date(first.sinceMs).toISOString(),
    next: `${isOver ? "given up" : "the target tries again"}: remove what protects ${count === 1 ? "it" : "them"}, then \`sm quarantine retry\`${where}; everything else goes on`,
    nextAt: times.length === 0 ? null : new Date(Math.min(...times)).toISOString(),
    command: "sm quarantine list",
  };
}
