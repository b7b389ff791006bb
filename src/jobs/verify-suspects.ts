// What a verification found different at first sight. On a set that is in use most of it is only on its way: it is looked at
// again, and again, and accused when it stays different while nothing changes it.

import { type BytePath, isBelow, joinPath } from "../model/byte-path.js";
import type { EntryType, FoundEntry, RootIndex } from "../model/change.js";
import type { EntryStamp, ShippedRename } from "../model/mirror-port.js";
import type { VerifyWhy } from "../model/verify.js";
import { follow } from "./follow-renames.js";

/** How it is looked at again: as an entry of its directory, as an extra of it, or by its blocks. */
export type SuspectWay = "entry" | "extra" | "blocks";

export interface Suspect {
  readonly root: RootIndex;
  directory: BytePath;
  /** "" = the directory itself. */
  readonly name: string;
  readonly type: EntryType | null;
  way: SuspectWay;
  why: VerifyWhy;
  found: FoundEntry | null;
  differingBytes: number | null;
  /** As the source had it when it was last looked at; null = it had nothing there. */
  stamp: EntryStamp | null;
  /** Looks at which it was different and as at the look before. */
  looks: number;
  tries: number;
  dueMs: number;
}

export interface SuspectGroup {
  readonly root: RootIndex;
  readonly directory: BytePath;
  readonly suspects: readonly Suspect[];
}

/** So often it must be different, in a row. */
const LOOKS = 3;
/** Beyond, it is left alone: somebody changes it all the time. */
const TRIES_MAX = 20;
const PAUSE_MS = 700;
/** Of one directory, at one look. */
const GROUP_MAX = 200;

export class SuspectBook {
  readonly #waiting = new Map<string, Suspect>();
  readonly #asked = new Set<Suspect>();

  /** Those that are being looked at among them. */
  get size(): number {
    return this.#waiting.size + this.#asked.size;
  }

  *all(): Generator<Suspect> {
    yield* this.#waiting.values();
    yield* this.#asked;
  }

  add(suspect: Omit<Suspect, "looks" | "tries" | "dueMs">, nowMs: number): void {
    this.#put({ ...suspect, looks: 1, tries: 1, dueMs: nowMs + PAUSE_MS });
  }

  isDue(nowMs: number): boolean {
    const [first] = this.#waiting.values();
    return first !== undefined && first.dueMs <= nowMs;
  }

  /** Of one directory, and to be looked at in one way; null = none is due. They are to be settled each. */
  take(nowMs: number): SuspectGroup | null {
    const suspects: Suspect[] = [];
    for (const suspect of this.#waiting.values()) {
      if (suspect.dueMs > nowMs || suspects.length >= GROUP_MAX) break;
      const [first] = suspects;
      if (first !== undefined && (first.root !== suspect.root || first.directory !== suspect.directory || first.way !== suspect.way)) continue;
      suspects.push(suspect);
      if (suspect.way === "blocks") break;
    }
    const [first] = suspects;
    if (first === undefined) return null;
    for (const suspect of suspects) {
      this.#waiting.delete(keyOf(suspect));
      this.#asked.add(suspect);
    }
    return { root: first.root, directory: first.directory, suspects };
  }

  /**
   * What a look showed. "guilty": it stayed as it is and different; "unjudged": it never stays; "again": it waits for the next look.
   * `isStill`: the source's entry did not change since before the look.
   */
  settle(suspect: Suspect, seen: { readonly differs: boolean; readonly isStill: boolean }, nowMs: number): "innocent" | "guilty" | "unjudged" | "again" {
    this.#asked.delete(suspect);
    if (!seen.differs) return "innocent";
    suspect.tries += 1;
    suspect.looks = seen.isStill ? suspect.looks + 1 : 0;
    if (suspect.looks >= LOOKS) return "guilty";
    if (suspect.tries >= TRIES_MAX) return "unjudged";
    suspect.dueMs = nowMs + PAUSE_MS;
    this.#put(suspect);
    return "again";
  }

  /** What is in a directory that moved is looked at where it is by now. Their groups are the caller's. */
  follow(rename: ShippedRename): void {
    const waiting = [...this.#waiting.values()];
    if (![...waiting, ...this.#asked].some((suspect) => isMoved(suspect, rename))) return;
    this.#waiting.clear();
    for (const suspect of [...waiting, ...this.#asked]) if (isMoved(suspect, rename)) suspect.directory = follow(suspect.root, suspect.directory, [rename]);
    for (const suspect of waiting) this.#put(suspect);
  }

  /** The look came to nothing: it waits as before. */
  putBack(suspect: Suspect): void {
    this.#asked.delete(suspect);
    this.#put(suspect);
  }

  #put(suspect: Suspect): void {
    // Behind all others: they are in the order in which they are due.
    const key = keyOf(suspect);
    this.#waiting.delete(key);
    this.#waiting.set(key, suspect);
  }
}

function isMoved({ root, directory }: Suspect, rename: ShippedRename): boolean {
  return root === rename.root && isBelow(directory, rename.path);
}

function keyOf({ root, directory, name, way }: Suspect): string {
  return `${root}\0${way === "extra" ? "extra" : ""}\0${directory}\0${name}`;
}

export function pathOf({ directory, name }: Suspect): BytePath {
  return name === "" ? directory : joinPath(directory, name);
}
