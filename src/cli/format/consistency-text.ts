// The consistency point in one line: as of when the copy is whole, or why it is not.

import type { ConsistencyReport } from "../../model/status.js";
import { formatCount, formatDuration, formatTime } from "./quantities.js";

export function formatConsistency({ seq, at, lagMs, reason }: ConsistencyReport): string {
  const last = at === null ? "" : `${formatTime(at)} (change set ${formatCount(seq)})`;
  if (reason === null) return `${last}, ${lagMs === 0 ? "current" : `${formatDuration(lagMs)} behind`}`;
  const why = `not since ${formatTime(reason.since)}: ${reason.message}`;
  return at === null ? why : `${why}; last ${last}`;
}
