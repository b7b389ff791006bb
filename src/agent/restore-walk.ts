// What follows when the receiver has all of a walk over the copy: pure.

export interface WalkEnd {
  /** Files and directories that could not be restored. */
  readonly failures: number;
  /** In the copy, while it was walked. */
  readonly changes: number;
  /** Walks so far. */
  readonly walks: number;
  /** Its source goes on writing to the copy: there is no rest to be waited for. */
  readonly isCopyLive: boolean;
  readonly receiver: string;
}

export type NextStep =
  | { readonly kind: "again" }
  | { readonly kind: "done"; readonly message: string | null }
  | { readonly kind: "failed"; readonly message: string };

/** A copy that others write to again and again is not restored: what comes would be of no moment. */
export const WALKS_MAX = 5;

export function afterWalk({ failures, changes, walks, isCopyLive, receiver }: WalkEnd): NextStep {
  if (failures > 0)
    return { kind: "failed", message: `${failures} files or directories could not be restored: the job names them; put ${receiver} right, and start it again` };
  if (changes > 0 && !isCopyLive) {
    const message = "the copy is being written to again and again: stop what writes there, and start it again";
    return walks < WALKS_MAX ? { kind: "again" } : { kind: "failed", message };
  }
  return { kind: "done", message: changes > 0 ? "the copy changed while it was restored: what came is of no single moment" : null };
}
