// What replication makes of one path, and why: the answer of `sm explain`.

import type { EntryType } from "./change.js";
import type { Rule } from "./rule.js";

export interface EntryFacts {
  readonly type: EntryType;
  /** Bytes; 0 for all but regular files. */
  readonly size: number;
  /** ISO 8601, to the nanosecond. */
  readonly mtime: string;
  /** "major:minor". */
  readonly device: string;
  readonly inode: number;
  /** ISO 8601, to the nanosecond; null where the file system keeps none. */
  readonly birthTime: string | null;
}

/** The entry as every receiver was told of it, or will be by the mirror that follows. */
export interface KnownEntry extends EntryFacts {
  /** Grows with each change that was sent to all connections. */
  readonly version: number;
  /** Names of the inode in the set. */
  readonly names: number;
  /** It changed so lately that its times prove nothing: it is looked at again whenever its directory is. */
  readonly isYoung: boolean;
}

/**
 * `event`: something was noticed there and is about to be looked at. `listing`: so is a directory in which it lies. `missing`: it
 * is gone; its removal waits a moment for a rename that explains it. `written`: ranges of
 * it wait to be read. `doubt`: the receivers will be asked for its blocks.
 */
export type PathWait = "event" | "listing" | "missing" | "written" | "doubt";

export interface PathKnowledge {
  /** null: nothing of the set is known at the path. */
  readonly known: KnownEntry | null;
  readonly waits: readonly PathWait[];
  /** Connections that compare its content block by block. */
  readonly checkedBy: readonly number[];
}

export interface PathTarget {
  readonly connection: number;
  readonly target: string;
  /** There; "" = nowhere, the connection is simulated. */
  readonly path: string;
  readonly state: string;
  /** Its content is being compared with the target's. */
  readonly isChecked: boolean;
  readonly appliedSeq: number;
  readonly lastSeq: number;
}

export interface SetExplanation {
  readonly repset: string;
  /** The directory of the set in which the path lies; null = in none. */
  readonly root: string | null;
  /** `way`: not in the set, but leads to what may be. */
  readonly decision: "included" | "excluded" | "way";
  /** The rule that decides, and its place in the set, from 1; null = none holds the path. */
  readonly rule: Rule | null;
  readonly ruleNumber: number | null;
  /** null: the set is not connected, or does not know its tree yet. */
  readonly knowledge: Omit<PathKnowledge, "checkedBy"> | null;
  readonly targets: readonly PathTarget[];
}

export interface PathExplanation {
  readonly path: string;
  /** null: nothing is there, or it cannot be looked at. */
  readonly onDisk: EntryFacts | null;
  /** Sets that have something to say about the path; none = it is outside of every set. */
  readonly sets: readonly SetExplanation[];
}

/** ISO 8601, to the nanosecond. */
export function instantText(seconds: number, nanoseconds: number): string {
  const whole = new Date(seconds * 1000);
  if (Number.isNaN(whole.getTime())) return `${seconds}.${String(nanoseconds).padStart(9, "0")}`;
  return whole.toISOString().replace(/\.\d+Z$/, `.${String(nanoseconds).padStart(9, "0")}Z`);
}

interface Looked {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  readonly btimeSec: number;
  readonly btimeNsec: number;
}

export function factsOf(type: EntryType, look: Looked): EntryFacts {
  return {
    type,
    size: type === "file" ? look.size : 0,
    mtime: instantText(look.mtimeSec, look.mtimeNsec),
    device: `${Math.floor(look.dev / 1_048_576)}:${look.dev % 1_048_576}`,
    inode: look.ino,
    birthTime: look.btimeSec === 0 && look.btimeNsec === 0 ? null : instantText(look.btimeSec, look.btimeNsec),
  };
}
