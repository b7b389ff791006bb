import type { SuspectSpan } from "./mirror-port.js";

/** Whether what has this time of change may differ from the receiver's although size and time are the same. */
export function isInSpan(
  { changedSinceMs, restored }: SuspectSpan,
  { ctimeSec, ctimeNsec }: { readonly ctimeSec: number; readonly ctimeNsec: number },
): boolean {
  const changedMs = ctimeSec * 1000 + ctimeNsec / 1e6;
  const isRestored = restored !== undefined && changedMs >= restored.fromMs && changedMs <= restored.untilMs;
  return changedMs >= changedSinceMs && !isRestored;
}
