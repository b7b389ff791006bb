import type { MirrorMode } from "../model/connection-spec.js";
import type { MirrorOrder } from "../model/source-messages.js";
import type { MirrorNeed } from "./connection-record.js";

export interface OrderInput {
  readonly connectionId: number;
  readonly mirrorId: number;
  readonly mode: MirrorMode;
  readonly need: MirrorNeed;
  readonly extras: MirrorOrder["extras"];
}

/** What the source worker is told to do about a mirror that is owed. */
export function mirrorOrder({ connectionId, mirrorId, mode, need, extras }: OrderInput): MirrorOrder {
  const { changedSinceMs, content = "times", newerOnly = false } = need;
  return { connectionId, mirrorId, mode, extras, suspect: changedSinceMs === null ? "none" : { changedSinceMs }, content, newerOnly };
}
