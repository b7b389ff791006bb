import { type BytePath, bytesFromText } from "../model/byte-path.js";
import type { MirrorMode } from "../model/connection-spec.js";
import type { MirrorPlace, MirrorPointer } from "../model/mirror-wish.js";
import { isInside } from "../model/repset-roots.js";
import type { MirrorOrder } from "../model/source-messages.js";
import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";
import type { KeptPointer } from "./mirror-pointer.js";

export interface OrderInput {
  readonly connectionId: number;
  readonly mirrorId: number;
  readonly mode: MirrorMode;
  readonly need: Pick<
    MirrorNeed,
    "changedSinceMs" | "restored" | "content" | "isSettling" | "newerOnly" | "missingOnly" | "skipsEmpty" | "paths" | "doneThrough"
  >;
  readonly isSized: boolean;
  readonly extras: MirrorOrder["extras"];
  readonly roots: ConnectionRecord["roots"];
}

/** What the source worker is told to do about a mirror that is owed. */
export function mirrorOrder({ need, roots, ...order }: OrderInput): MirrorOrder {
  const { changedSinceMs, restored, isSettling = false, newerOnly = false, missingOnly = false, skipsEmpty = false, paths, doneThrough = null } = need;
  const suspect = changedSinceMs === null ? "none" : { changedSinceMs, ...(restored === undefined ? {} : { restored }) };
  const content = isSettling ? "checksum-all" : (need.content ?? "times");
  const places = paths === undefined ? null : placesOf(paths, roots);
  return { ...order, suspect, content, newerOnly, missingOnly, skipsEmpty, places, doneThrough: pointerOf(doneThrough) };
}

function pointerOf(kept: KeptPointer | null): MirrorPointer | null {
  return kept === null ? null : { root: kept.root, path: kept.path, name: kept.name, except: kept.except };
}

/** What lies within another of them is not named twice. */
function placesOf(paths: readonly string[], roots: ConnectionRecord["roots"]): MirrorPlace[] {
  const outermost = [...new Set(paths)].filter((path) => !paths.some((other) => other !== path && isInside(path, other)));
  return outermost.flatMap((path) => {
    const root = roots.findIndex((each) => isInside(path, each.path));
    const below = path.slice(roots[root]?.path.length).replace(/^\//, "");
    return root < 0 ? [] : [{ root, path: bytesFromText(below) as BytePath }];
  });
}
