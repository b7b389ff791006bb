// Contents that a job compares by the block signatures of the target: asked for one at a time while another is read.

import type { BytePath } from "../model/byte-path.js";
import { BLOCK_BYTES, type BlockRange, type RootIndex, type SumsAnswer } from "../model/change.js";
import type { EntryStamp, MirrorCheck, MirrorEntry, MirrorTree } from "../model/mirror-port.js";
import type { ReadBudget } from "./read-budget.js";
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
  /** Of a file that is compared piece by piece: what is behind it; absent = nothing yet. */
  readonly behind?: { readonly blocks: number; readonly differingBytes: number };
}

export interface BlockVerdict {
  readonly ask: BlockAsk;
  readonly differingBytes: number;
  /** The file did not change meanwhile. */
  readonly isStill: boolean;
}

/** How a job reads that may read so much in a second only. */
export interface BlockPieces {
  readonly blocks: number;
  readonly budget: ReadBudget;
}

/** The target reads one file while the source reads another; of small ones both disks are to know several in advance. */
const ASKED_MIN = 2;
const ASKED_MAX = 32;
const ASKED_BYTES_MAX = 16 * 1024 * 1024;
/** Files that wait, beyond which the walk does. */
const WAITING_MAX = 5_000;

export interface BlockLooksOptions {
  readonly connectionId: number;
  readonly tree: MirrorTree;
  /** Null or absent: files are asked for as a whole, one behind the other. */
  readonly pieces?: BlockPieces | null;
}

export class BlockLooks {
  readonly #options: BlockLooksOptions;
  readonly #waiting: BlockAsk[] = [];
  readonly #asked = new Map<number, BlockAsk>();
  readonly #answers: SumsAnswer[] = [];
  /** Nothing more is asked for. */
  isPaused = false;
  #reading: { readonly ask: BlockAsk; readonly check: MirrorCheck; readonly until: number } | null = null;

  constructor(options: BlockLooksOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.length + this.#asked.size + (this.#reading === null ? 0 : 1);
  }

  get hasWork(): boolean {
    return this.#reading !== null || this.#answers.length > 0 || (this.#waiting.length > 0 && this.#mayAsk);
  }

  get #mayAsk(): boolean {
    return !this.isPaused && this.#mayAskMore && this.#options.pieces?.budget.hasRoom !== false;
  }

  get #mayAskMore(): boolean {
    const { size } = this.#asked;
    if (size < ASKED_MIN || size >= ASKED_MAX || (this.#options.pieces ?? null) !== null) return size < ASKED_MIN;
    let bytes = 0;
    for (const { entry } of this.#asked.values()) bytes += entry.size;
    return bytes < ASKED_BYTES_MAX;
  }

  /** Those that wait, are asked for or read. */
  *asks(): Generator<BlockAsk> {
    yield* this.#waiting;
    yield* this.#asked.values();
    if (this.#reading !== null) yield this.#reading.ask;
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
    // The target has something to do while this side reads.
    const next = this.#mayAsk ? this.#waiting.shift() : undefined;
    if (next !== undefined) return this.#ask(next);
    if (this.#reading !== null) return this.#read(this.#reading);
    const answer = this.#answers.shift();
    return answer === undefined ? null : this.#open(answer);
  }

  #ask(next: BlockAsk): "worked" {
    const { tree, connectionId, pieces = null } = this.#options;
    const { root, entry } = next;
    // Of a file in pieces, as it was before the first.
    const stamp = next.behind === undefined ? tree.stampOf(root, entry.path) : next.stamp;
    const range = rangeOf(next, pieces);
    if (range !== undefined) pieces?.budget.spend(range.count * BLOCK_BYTES);
    this.#asked.set(tree.askSums(connectionId, root, entry.path, range), { ...next, stamp });
    return "worked";
  }

  #open(answer: SumsAnswer): BlockVerdict | "worked" {
    const ask = this.#asked.get(answer.seq);
    this.#asked.delete(answer.seq);
    if (ask === undefined) return "worked";
    const { root, entry } = ask;
    const told = toldBlocks(ask, answer, this.#options.pieces ?? null);
    const check = this.#options.tree.checkAgainst(root, entry.path, told.sums, told.range);
    // Away by now, or no file on the target: the next look at the entry tells which.
    if (check === null || answer.base === null) {
      check?.close();
      return { ask, differingBytes: entry.size, isStill: false };
    }
    this.#reading = { ask, check, until: told.range === undefined ? Number.POSITIVE_INFINITY : told.range.first + told.range.count };
    return "worked";
  }

  #read({ ask, check, until }: { readonly ask: BlockAsk; readonly check: MirrorCheck; readonly until: number }): BlockVerdict | "worked" {
    const result = check.step();
    if (result === "more") return "worked";
    this.#reading = null;
    check.close();
    const { root, entry, stamp } = ask;
    const now = this.#options.tree.stampOf(root, entry.path);
    const differingBytes = (ask.behind?.differingBytes ?? 0) + check.differingBytes;
    if (result === "done" && now !== null && until * BLOCK_BYTES < now.size) {
      this.#waiting.unshift({ ...ask, behind: { blocks: until, differingBytes } });
      return "worked";
    }
    const isStill = result === "done" && now !== null && stamp !== null && now.ctimeSec === stamp.ctimeSec && now.ctimeNsec === stamp.ctimeNsec;
    return { ask, differingBytes: result === "done" ? differingBytes : entry.size, isStill };
  }

  close(): void {
    this.#reading?.check.close();
    this.#reading = null;
  }
}

/** The piece that is to be asked for; undefined = the whole file. */
function rangeOf({ behind, entry }: BlockAsk, pieces: BlockPieces | null): BlockRange | undefined {
  if (pieces === null) return undefined;
  const first = behind?.blocks ?? 0;
  return { first, count: Math.max(1, Math.min(pieces.blocks, Math.ceil(entry.size / BLOCK_BYTES) - first)) };
}

/** What an answer tells of. A target that knows no ranges told of all blocks: nothing more needs to be asked of it. */
function toldBlocks(ask: BlockAsk, { sums, base }: SumsAnswer, pieces: BlockPieces | null): { readonly sums: Buffer; readonly range?: BlockRange } {
  const asked = rangeOf(ask, pieces);
  if (asked === undefined || base === null) return { sums };
  const total = Math.ceil(base.size / BLOCK_BYTES);
  const isAll = sums.length > 8 * Math.max(0, Math.min(asked.count, total - asked.first));
  return isAll ? { sums: sums.subarray(8 * asked.first), range: { first: asked.first, count: Number.MAX_SAFE_INTEGER / BLOCK_BYTES } } : { sums, range: asked };
}
