import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";

/** What a connection that was there before a restart owes its target: a scan where a checkpoint allows it, else a comparison of all. */
export function needAfterRestart({ checkpoint, mirrorNeed, wasMirrored, options, cleanUntilMs }: ConnectionRecord, message: string): MirrorNeed {
  const isOwedOnly = mirrorNeed === null || mirrorNeed.isScan === true;
  const isScan = checkpoint !== null && isOwedOnly && wasMirrored && options.replicate && cleanUntilMs > 0;
  const changedSinceMs = isScan ? Math.min(cleanUntilMs, checkpoint.mark.untilMs) : cleanUntilMs;
  const need = {
    reason: "restart",
    message,
    since: new Date().toISOString(),
    mode: "difference",
    extras: "remove",
    changedSinceMs,
    isAutomatic: true,
  } as const;
  return isScan ? { ...need, isScan } : need;
}
