// What a person may ask of a mirror.

import type { BytePath } from "./byte-path.js";
import type { RootIndex } from "./change.js";
import type { MirrorMode } from "./connection-spec.js";
import { contradictionInOrphans, type OrphanOptions } from "./orphans.js";

/**
 * Which contents a difference mirror compares. times: a large file whose size or time differs is compared block by block, a small
 * one is sent. checksum: every file whose size or time differs is compared block by block. checksum-all: the contents of all files are.
 */
export type MirrorContent = "times" | "checksum" | "checksum-all";

export interface MirrorWish {
  readonly mode: MirrorMode;
  readonly content: MirrorContent;
  /** A file is sent only if the source's date is newer than the target's; what is not is left alone and told. */
  readonly newerOnly: boolean;
  /** What the target has stays as it is, and is told; absent = it is overwritten. */
  readonly missingOnly?: boolean;
  /** Files without content are neither made nor emptied on the target, and are told; absent = they are, as any other. */
  readonly skipsEmpty?: boolean;
  /** How much there is to do is calculated; absent = as configured. */
  readonly isSized?: boolean;
  /** Absolute paths on the source, below its roots, that alone are compared and sent; absent = the whole set. */
  readonly paths?: readonly string[];
  /** What becomes, at its end, of what only the target has; absent or null = nothing is looked for. */
  readonly orphans?: OrphanOptions | null;
}

/** A place of the set, with all below. */
export interface MirrorPlace {
  readonly root: RootIndex;
  readonly path: BytePath;
}

/** How far a mirror of the whole set came, in the order in which it goes through it: see jobs/walk-order. */
export interface MirrorPointer {
  readonly root: RootIndex;
  /** All directories before this one are done. */
  readonly path: BytePath;
  /** Its entry that the mirror is at: those before it are done, itself perhaps in part. Null = all of its entries are done. */
  readonly name: string | null;
  /** What was renamed to a place before that and is not done, with all below. */
  readonly except: readonly MirrorPlace[];
}

/** Why no mirror can do both; null = it can. */
export function contradictionIn({ mode, content, newerOnly, missingOnly = false, paths, orphans = null }: MirrorWish): string | null {
  if (orphans !== null && paths !== undefined) return "orphans are looked for in the whole set: give no paths beside them";
  const contradiction = orphans === null ? null : contradictionInOrphans(orphans);
  if (contradiction !== null) return contradiction;
  if (missingOnly && (mode === "full" || content !== "times"))
    return `to overwrite nothing is for a difference mirror by size and date: ${mode === "full" ? "a full mirror sends every file" : `${content} compares what is not sent then`}`;
  if (missingOnly && newerOnly) return "newer overwrites what is older on the target: that, or nothing is overwritten";
  if (mode === "full" && newerOnly) return "a full mirror sends every file, also over those that are newer on the target: newer is for a difference mirror";
  if (mode === "full" && content !== "times") return `a full mirror sends every file and compares none: ${content} is for a difference mirror`;
  if (content === "checksum-all" && newerOnly)
    return "checksum-all finds what differs although its date is the same, newer sends none of that: give one of them";
  return null;
}
