// Counts what a replication set holds, for whoever asks: a walk in turns between other work, of which it can be told how far it is,
// and which ends when nobody asks for it any more.

import { SmError } from "../base/errors.js";
import { delay } from "../base/wait.js";
import type { RepsetSize } from "../model/control-port.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import type { RepsetData } from "../model/rule.js";
import { type WalkedEntry, walkSource } from "./source-walk.js";
import { WalkTurns } from "./walk-turns.js";

/** Who asks again does so at once. */
const ABANDONED_MS = 5000;

interface Walk {
  readonly size: { files: number; directories: number; bytes: number; problems: number };
  /** Resolves when all is counted, or it was given up; rejects when a root cannot be opened. */
  readonly done: Promise<void>;
  readonly abort: AbortController;
  isComplete: boolean;
  /** Who waits for it just now. */
  waiting: number;
  abandon: NodeJS.Timeout | undefined;
}

export class SetSizes {
  readonly #abandonedMs: number;
  /** By set, its generation included: other rules are another size. */
  readonly #walks = new Map<string, Walk>();

  constructor(abandonedMs = ABANDONED_MS) {
    this.#abandonedMs = abandonedMs;
  }

  /** The size when it is known, or what was counted so far after `waitMs`. Who asks while it is counted shares the walk. */
  async measure(repset: RepsetData, roots: readonly string[], waitMs: number): Promise<RepsetSize> {
    const key = `${repset.generation} ${repset.name}`;
    const walk = this.#walks.get(key) ?? this.#begin(key, repset, roots);
    walk.waiting += 1;
    clearTimeout(walk.abandon);
    const over = new AbortController();
    try {
      await Promise.race([walk.done, delay(waitMs, over.signal)]);
      return { ...walk.size, isComplete: walk.isComplete };
    } finally {
      over.abort();
      walk.waiting -= 1;
      if (walk.waiting === 0) walk.abandon = setTimeout(() => this.#giveUp(key, walk), this.#abandonedMs).unref();
    }
  }

  #begin(key: string, repset: RepsetData, roots: readonly string[]): Walk {
    const abort = new AbortController();
    const size = { files: 0, directories: 0, bytes: 0, problems: 0 };
    const done = measureAll(repset, roots, size, abort.signal).then((isComplete) => {
      walk.isComplete = isComplete;
    });
    const walk: Walk = { size, done, abort, isComplete: false, waiting: 0, abandon: undefined };
    this.#walks.set(key, walk);
    const forget = (): void => this.#giveUp(key, walk);
    done.then(forget, forget);
    return walk;
  }

  /** Who asks from now on begins another. */
  #giveUp(key: string, walk: Walk): void {
    clearTimeout(walk.abandon);
    walk.abort.abort();
    if (this.#walks.get(key) === walk) this.#walks.delete(key);
  }

  get running(): number {
    return this.#walks.size;
  }

  close(): void {
    for (const { abort } of this.#walks.values()) abort.abort();
  }
}

/** False when it was given up. */
async function measureAll(repset: RepsetData, roots: readonly string[], size: Walk["size"], signal: AbortSignal): Promise<boolean> {
  const turns = new WalkTurns(signal);
  for (const root of roots) {
    const matcher = new RepsetMatcher(repset.rules, root);
    const show = ({ path, isDirectory, size: bytes }: WalkedEntry): boolean => {
      const isIncluded = matcher.decide(path, isDirectory);
      if (isIncluded && isDirectory) size.directories += 1;
      else if (isIncluded) size.files += 1;
      if (isIncluded) size.bytes += bytes;
      return isIncluded || matcher.mayContain(path);
    };
    size.problems += await walkSource(root, show, turns);
    if (turns.isGivenUp) return false;
  }
  return true;
}

/** Of an answer that may not be taken for the whole. */
export function requireComplete(name: string, size: RepsetSize): RepsetSize {
  if (size.isComplete) return size;
  throw new SmError("TIMEOUT", `${name} is not counted to the end yet: ${size.files} files so far`, { data: { ...size } });
}
