import type { Difference, EntryType, FoundEntry } from "../model/change.js";

export interface EmptyPolicy {
  readonly skipsEmpty?: boolean;
  readonly mode: "full" | "difference" | "repair";
}

interface Dated {
  readonly size: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
}

/**
 * Whether a mirror that sends only what is newer lets the target keep what it has. Attributes are no content to be lost, and
 * directories are what newer files lie in. What looks the same is sent: it differs in doubt only, and nobody's edit shows.
 */
export function isLeftAlone(type: EntryType, source: Dated | null, target: FoundEntry | undefined): boolean {
  if (type === "dir" || source === null || target === undefined) return false;
  const age = source.mtimeSec - target.mtimeSec || source.mtimeNsec - target.mtimeNsec;
  return age < 0 || (age === 0 && source.size !== target.size);
}

/** Whether a mirror that sends only what is missing finds the name taken. A directory takes in what is missing below it. */
export function isTaken(type: EntryType, why: Difference["why"]): boolean {
  return why !== "missing" && (type !== "dir" || why === "type");
}

/**
 * Whether a mirror leaves the file out for having no content: what the target has there, or lacks, stays. Of one that is there and as empty, a mirror
 * that compares puts right what is not content: its attributes, and whose name it is.
 */
export function isLeftEmpty({ skipsEmpty, mode }: EmptyPolicy, type: EntryType | null, size: number, why: Difference["why"] | null): boolean {
  if (skipsEmpty !== true || type !== "file" || size > 0) return false;
  return mode === "full" || why === "missing" || why === "content" || why === "type";
}

/** Something else stands in place of the directory that was to be compared: where it stays, nothing can be put below it. */
export function isBlocked(differs: readonly Difference[]): boolean {
  return differs.some(({ name, why }) => name === "" && why === "type");
}
