// The names of a directory that is compared slice by slice, each beginning where the one before ended: listed once, not for each slice.

import { performance } from "node:perf_hooks";
import { statAt } from "../fs/native.js";
import type { BytePath } from "../model/byte-path.js";
import type { CompareChange, RootIndex } from "../model/change.js";
import { namesOf } from "./directory-names.js";

/** What others do to the directory meanwhile is found out so late at most. */
const KEPT_MS_MAX = 5000;

interface Held {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly dev: number;
  readonly ino: number;
  /** In byte order. */
  readonly names: readonly string[];
  readonly listedMs: number;
  /** Where the next slice begins. */
  readonly until: string;
}

export interface CompareListingOptions {
  readonly nowMs?: () => number;
  /** Names of an open directory, or the negative errno. */
  readonly list?: (dirfd: number) => string[] | number;
}

export class CompareListing {
  readonly #nowMs: () => number;
  readonly #list: (dirfd: number) => string[] | number;
  #held: Held | null = null;

  constructor({ nowMs = () => performance.now(), list = namesOf }: CompareListingOptions = {}) {
    this.#nowMs = nowMs;
    this.#list = list;
  }

  /** The target was changed otherwise than by a comparison: whatever was listed may be another by now. */
  forget(): void {
    this.#held = null;
  }

  /** Names in the slice, in byte order; the directory is open at `dirfd`. Some may have gone by now. Negative errno when it cannot be listed. */
  namesIn({ root, path, from, until }: CompareChange, dirfd: number): readonly string[] | number {
    const stat = statAt(dirfd, "");
    if (typeof stat === "number") return stat;
    const { dev, ino } = stat;
    const before = this.#held;
    this.#held = null;
    const isNext = before !== null && before.root === root && before.path === path && before.until === from && before.dev === dev && before.ino === ino;
    const isYoung = before !== null && this.#nowMs() - before.listedMs < KEPT_MS_MAX;
    const listed = isNext && isYoung ? before : this.#listAnew(dirfd);
    if (typeof listed === "number") return listed;
    const { names, listedMs } = listed;
    if (until !== "") this.#held = { root, path, dev, ino, names, listedMs, until };
    return names.slice(placeOf(names, from), until === "" ? names.length : placeOf(names, until));
  }

  #listAnew(dirfd: number): Pick<Held, "names" | "listedMs"> | number {
    const listedMs = this.#nowMs();
    const names = this.#list(dirfd);
    return typeof names === "number" ? names : { names: names.sort(), listedMs };
  }
}

/** The first place that is not before `name`. */
function placeOf(names: readonly string[], name: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
