// Ships one large file to one receiver that has an older state of it, some of it at other places. Looks for what the receiver has
// (moved-search), then has the file made anew of that, or patched, whichever is worth it. When the file changes meanwhile, or what the
// receiver has does, the blocks that differ at the same places are shipped.

import { type FileStat, statAt } from "../fs/native.js";
import { BLOCK_BYTES, type FileBase, type FileChange, type IndexAnswer, type RootIndex } from "../model/change.js";
import { FileTransfer } from "./file-transfer.js";
import { MovedSearch } from "./moved-search.js";
import type { Inode } from "./node-table.js";
import { isAsBefore, type PartsSender, PatchSender, RebuildSender } from "./parts-sender.js";
import type { SetWriter } from "./set-writer.js";

export interface MovedTransferOptions {
  readonly root: RootIndex;
  readonly inode: Inode;
  readonly stat: FileStat;
  /** The index of the receiver's copy, and what it was then. */
  readonly answer: IndexAnswer;
  readonly base: FileBase;
  /** As of FileTransfer. */
  readonly isTold: () => boolean;
}

/** Smaller files are shipped by their blocks. */
export const MOVED_FILE_BYTES_MIN = 1024 * 1024;
/** Of larger files the index would take too much memory. */
export const MOVED_FILE_BYTES_MAX = 64 * 1024 ** 3;
/** To make a file anew costs the receiver a copy of it; it must spare the wire this share of it. */
const MOVED_SHARE_MIN = 1 / 256;

export class MovedTransfer {
  readonly #options: MovedTransferOptions;
  readonly #search: MovedSearch;
  #sender: PartsSender | null = null;
  #plain: FileTransfer | null = null;
  askedSeq = 0;
  isRebuild = false;
  #isDone = false;

  constructor(options: MovedTransferOptions) {
    this.#options = options;
    this.#search = new MovedSearch(options.stat, options.base, options.answer);
  }

  /** As what is shipped in the end. */
  get options(): { readonly stat: FileStat } {
    return this.#plain?.options ?? this.#options;
  }

  /** Signatures of what was shipped, complete once `step` said "done"; null = they are not known. */
  get sums(): BigUint64Array | null {
    return (this.#plain ?? this.#sender)?.sums ?? null;
  }

  get isTorn(): boolean {
    return (this.#plain ?? this.#sender)?.isTorn === true;
  }

  /** It was cut meanwhile. */
  get isCut(): boolean {
    return this.#plain?.isCut === true;
  }

  get sentBytes(): number {
    return (this.#sender?.sentBytes ?? 0) + (this.#plain?.sentBytes ?? 0);
  }

  /** So far it is shipped, or found with the receiver. */
  get offset(): number {
    return this.#plain?.offset ?? (this.#isDone ? this.#options.stat.size : this.sentBytes);
  }

  take(answer: IndexAnswer): void {
    this.#search.take(answer);
  }

  /** One bounded piece of work on the file open at `fd`, now named `path`. Negative errno on failure. */
  step(fd: number, path: FileChange["path"], writer: SetWriter): "more" | "done" | "asked" | number {
    if (this.#plain !== null) return this.#plain.step(fd, path, writer);
    if (this.#sender !== null) return this.#stepSender(this.#sender, fd, path, writer);
    const result = this.#search.step(fd);
    if (result === "lost") return this.#shipBlocks(fd);
    if (result === "done") return this.#beginSending(fd, path, writer);
    if (typeof result !== "object") return result;
    writer.flush();
    writer.add({ op: "index", root: this.#options.root, path, ...result });
    this.askedSeq = writer.flush();
    return "asked";
  }

  #beginSending(fd: number, path: FileChange["path"], writer: SetWriter): "more" | number {
    const stat = statAt(fd, "");
    if (typeof stat === "number") return stat;
    const { parts, canRebuild, against } = this.#search;
    if (!isAsBefore(stat, this.#options.stat)) return this.#shipBlocks(fd);
    const movedMin = Math.max(BLOCK_BYTES, stat.size * MOVED_SHARE_MIN);
    this.isRebuild = canRebuild && parts.movedBytes >= movedMin;
    const options = { ...this.#options, parts, against };
    this.#sender = this.isRebuild ? new RebuildSender(options, fd) : new PatchSender(options, fd, path, writer);
    return "more";
  }

  #stepSender(sender: PartsSender, fd: number, path: FileChange["path"], writer: SetWriter): "more" | "done" | number {
    const result = sender.step(fd, path, writer);
    this.#isDone = result === "done";
    return result === "torn" ? this.#shipBlocks(fd) : result;
  }

  /** What differs at the same places, of the file as it is now. What was patched already is not as the signatures say. */
  #shipBlocks(fd: number): "more" | number {
    const stat = statAt(fd, "");
    if (typeof stat === "number") return stat;
    const { root, inode, isTold } = this.#options;
    const { against } = this.#search;
    const isPatched = this.#sender !== null && !this.isRebuild;
    if (isPatched) forgetMissing(against, this.#search);
    this.isRebuild = false;
    const fine = isPatched ? null : this.#search.fine;
    this.#plain = new FileTransfer({ root, inode, stat, start: "patch", base: null, against, fine, isTold });
    return "more";
  }
}

function forgetMissing(against: BigUint64Array, { parts }: MovedSearch): void {
  let at = 0;
  for (const { at: start, length, from } of parts.list) {
    if (start !== from) continue;
    against.fill(0n, Math.floor(at / BLOCK_BYTES), Math.ceil(start / BLOCK_BYTES));
    at = start + length;
  }
  against.fill(0n, Math.floor(at / BLOCK_BYTES));
}
