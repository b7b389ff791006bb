// Contents that a job compares by the block signatures of the target: asked for one at a time while another is read.

import type { BytePath } from "../model/byte-path.js";
import type { RootIndex, SumsAnswer } from "../model/change.js";
import type { EntryStamp, MirrorCheck, MirrorEntry, MirrorTree } from "../model/mirror-port.js";
import type { Suspect } from "./verify-suspects.js";

export interface BlockAsk {
  readonly root: RootIndex;
  readonly directory: BytePath;
  readonly entry: MirrorEntry;
  /** Null: a first look. */
  readonly suspect: Suspect | null;
  /** As the file was before it was asked for. */
  readonly stamp: EntryStamp | null;
  /** The target has further names of the file. */
  readonly isShared?: boolean;
}

export interface BlockVerdict {
  readonly ask: BlockAsk;
  readonly differingBytes: number;
  /** The file did not change meanwhile. */
  readonly isStill: boolean;
}

/** The target reads one file while the source reads another. */
const ASKED_MAX = 2;
/** Files that wait, beyond which the walk does. */
const WAITING_MAX = 5_000;

export class BlockLooks {
  readonly #options: { readonly connectionId: number; readonly tree: MirrorTree };
  readonly #waiting: BlockAsk[] = [];
  readonly #asked = new Map<number, BlockAsk>();
  readonly #answers: SumsAnswer[] = [];
  #reading: { readonly ask: BlockAsk; readonly check: MirrorCheck } | null = null;

  constructor(options: { readonly connectionId: number; readonly tree: MirrorTree }) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.length + this.#asked.size + (this.#reading === null ? 0 : 1);
  }

  get hasWork(): boolean {
    return this.#reading !== null || this.#answers.length > 0 || (this.#waiting.length > 0 && this.#asked.size < ASKED_MAX);
  }

  get mayTakeMore(): boolean {
    return this.#waiting.length < WAITING_MAX;
  }

  ask(ask: BlockAsk): void {
    this.#waiting.push(ask);
  }

  hasAsked(seq: number): boolean {
    return this.#asked.has(seq);
  }

  take(answer: SumsAnswer): void {
    this.#answers.push(answer);
  }

  askAgain(seq: number): boolean {
    const ask = this.#asked.get(seq);
    if (ask === undefined) return false;
    this.#asked.delete(seq);
    this.#waiting.push(ask);
    return true;
  }

  /** Null = there is nothing to do just now. */
  step(): BlockVerdict | "worked" | null {
    if (this.#reading !== null) return this.#read(this.#reading);
    const answer = this.#answers.shift();
    if (answer !== undefined) return this.#open(answer);
    const next = this.#asked.size < ASKED_MAX ? this.#waiting.shift() : undefined;
    if (next === undefined) return null;
    const { tree, connectionId } = this.#options;
    const stamp = tree.stampOf(next.root, next.entry.path);
    this.#asked.set(tree.askSums(connectionId, next.root, next.entry.path), { ...next, stamp });
    return "worked";
  }

  #open(answer: SumsAnswer): BlockVerdict | "worked" {
    const ask = this.#asked.get(answer.seq);
    this.#asked.delete(answer.seq);
    if (ask === undefined) return "worked";
    const { root, entry } = ask;
    const check = this.#options.tree.checkAgainst(root, entry.path, answer.sums);
    // Away by now, or no file on the target: the next look at the entry tells which.
    if (check === null || answer.base === null) {
      check?.close();
      return { ask, differingBytes: entry.size, isStill: false };
    }
    this.#reading = { ask, check };
    return "worked";
  }

  #read({ ask, check }: { readonly ask: BlockAsk; readonly check: MirrorCheck }): BlockVerdict | "worked" {
    const result = check.step();
    if (result === "more") return "worked";
    this.#reading = null;
    check.close();
    const { root, entry, stamp } = ask;
    const now = this.#options.tree.stampOf(root, entry.path);
    const isStill = result === "done" && now !== null && stamp !== null && now.ctimeSec === stamp.ctimeSec && now.ctimeNsec === stamp.ctimeNsec;
    return { ask, differingBytes: result === "done" ? check.differingBytes : entry.size, isStill };
  }

  close(): void {
    this.#reading?.check.close();
    this.#reading = null;
  }
}
