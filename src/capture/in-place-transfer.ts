// Ships one large file to one receiver whose copy may differ in many small places, as those of a database do: the blocks that differ are found
// first, the receiver is asked for the signatures of small blocks of these, and what differs by them is shipped, in place. It may change
// meanwhile: what is shipped is read, and compared, anew.

import { type FileStat, statAt } from "../fs/native.js";
import { BLOCK_BYTES, type FileChange, type IndexAnswer, type RootIndex } from "../model/change.js";
import type { BlockIndex } from "./block-index.js";
import { FileTransfer } from "./file-transfer.js";
import { fineQuestion, type IndexQuestion, indexOf } from "./index-question.js";
import type { Inode } from "./node-table.js";
import type { SetWriter } from "./set-writer.js";
import { SumsScan } from "./sums-scan.js";

export interface InPlaceTransferOptions {
  readonly root: RootIndex;
  readonly inode: Inode;
  readonly stat: FileStat;
  /** Signatures of the receiver's copy. */
  readonly against: BigUint64Array;
  /** As of FileTransfer. */
  readonly isTold: () => boolean;
}

/** What programs write is a multiple of this, mostly. */
const FINE_BYTES_MIN = 4096;
const FINE_COUNT_MAX = 32 * 1024;
/** Of less than this nothing more is asked: it is sent sooner. */
const DIFFERING_BYTES_MIN = 4 * BLOCK_BYTES;

export class InPlaceTransfer {
  readonly isRebuild = false;
  askedSeq = 0;
  readonly #options: InPlaceTransferOptions;
  readonly #scan: SumsScan;
  readonly #differing: number[] = [];
  #question: IndexQuestion | null = null;
  #fine: BlockIndex | null = null;
  #plain: FileTransfer | null = null;

  constructor(options: InPlaceTransferOptions) {
    this.#options = options;
    this.#scan = new SumsScan(options.stat.size, options.against, undefined, (block) => this.#differing.push(block));
  }

  /** As what is shipped in the end. */
  get options(): { readonly stat: FileStat } {
    return this.#plain?.options ?? this.#options;
  }

  /** Signatures of what was shipped, complete once `step` said "done"; null = they are not known. */
  get sums(): BigUint64Array | null {
    return this.#plain?.sums ?? null;
  }

  get isTorn(): boolean {
    return this.#plain?.isTorn === true;
  }

  /** It was cut meanwhile. */
  get isCut(): boolean {
    return this.#plain?.isCut === true;
  }

  get sentBytes(): number {
    return this.#plain?.sentBytes ?? 0;
  }

  /** So far it is shipped, or as the receiver has it. */
  get offset(): number {
    return this.#plain?.offset ?? 0;
  }

  take({ base, entries }: IndexAnswer): void {
    if (this.#question !== null && base !== null) this.#fine = indexOf(this.#question, base, entries);
  }

  /** One bounded piece of work on the file open at `fd`, now named `path`. Negative errno on failure. */
  step(fd: number, path: FileChange["path"], writer: SetWriter): "more" | "done" | "asked" | number {
    if (this.#plain !== null) return this.#plain.step(fd, path, writer);
    if (this.#question !== null) return this.#begin(fd);
    if (this.#scan.step(fd) === "more") return "more";
    const isWorthAsking = this.#differing.length * BLOCK_BYTES >= DIFFERING_BYTES_MIN;
    this.#question = isWorthAsking ? fineQuestion(this.#differing, FINE_BYTES_MIN, FINE_COUNT_MAX) : null;
    if (this.#question === null) return this.#begin(fd);
    const { blockBytes, ranges } = this.#question;
    writer.flush();
    writer.add({ op: "index", root: this.#options.root, path, blockBytes, ranges });
    this.askedSeq = writer.flush();
    return "asked";
  }

  #begin(fd: number): "more" | number {
    const stat = statAt(fd, "");
    if (typeof stat === "number") return stat;
    const { root, inode, against, isTold } = this.#options;
    this.#plain = new FileTransfer({ root, inode, stat, start: "patch", base: null, against, fine: this.#fine, isTold });
    return "more";
  }
}
