// The one door through which segments are written, sealed and removed: a queue of operations carried out one after
// the other, so a file is never removed while it is written, and a burst of appends becomes one write.
// It decides nothing: a failure goes to `onFailure`, which settles what becomes of the unwritten records.

import { type FileHandle, open, rename, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { toSmError } from "../base/errors.js";
import { failpoint } from "../base/failpoint.js";
import type { Log } from "../base/log.js";
import { type Deferred, defer } from "../base/wait.js";
import type { JournalRecord } from "../model/journal-port.js";
import type { DiskBlock } from "./block.js";
import { encodeFrameHeader, encodeSegmentHeader, FRAME_HEADER_BYTES, frameBytesOf, segmentSeed } from "./segment-format.js";
import { PART_SUFFIX } from "./segment-name.js";

export interface WriteFailure {
  readonly reason: "full" | "io";
  readonly message: string;
}

export interface SegmentWriterOptions {
  readonly directory: string;
  readonly setName: string;
  readonly epoch: string;
  readonly minFreeBytes: () => number;
  readonly log: Log;
  readonly onFailure: (failure: WriteFailure) => void;
  readonly onSealed: (block: DiskBlock) => void;
}

interface WriteOperation {
  readonly kind: "write";
  readonly block: DiskBlock;
  readonly records: JournalRecord[];
  readonly done: Deferred<void>;
}

type Operation = WriteOperation | { readonly kind: "seal" | "remove"; readonly block: DiskBlock };

interface OpenSegment {
  readonly block: DiskBlock;
  readonly handle: FileHandle;
  readonly seed: bigint;
}

const FULL_CODES: readonly unknown[] = ["ENOSPC", "EDQUOT"];

class VolumeFullError extends Error {
  readonly code = "ENOSPC";
}

export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #queue: Operation[] = [];
  #running: Promise<void> | undefined;
  #open: OpenSegment | undefined;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
  }

  /** Resolves when the record is written, or when `onFailure` has settled its fate. Never rejects. */
  append(block: DiskBlock, record: JournalRecord): Promise<void> {
    const last = this.#queue.at(-1);
    if (last?.kind === "write" && last.block === block) {
      last.records.push(record);
      return last.done.promise;
    }
    const operation: WriteOperation = { kind: "write", block, records: [record], done: defer<void>() };
    this.#enqueue(operation);
    return operation.done.promise;
  }

  seal(block: DiskBlock): void {
    block.ended = true;
    this.#enqueue({ kind: "seal", block });
  }

  remove(block: DiskBlock): void {
    this.#enqueue({ kind: "remove", block });
  }

  /** Resolves when nothing is queued. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #enqueue(operation: Operation): void {
    this.#queue.push(operation);
    // A microtask later: the burst that is being appended becomes one write.
    this.#running ??= Promise.resolve().then(() => this.#run());
  }

  async #run(): Promise<void> {
    for (let operation = this.#queue.shift(); operation !== undefined; operation = this.#queue.shift()) {
      if (operation.kind === "write") await this.#runWrite(operation);
      else if (operation.kind === "seal") await this.#runSeal(operation.block);
      else await this.#runRemove(operation.block);
    }
    this.#running = undefined;
  }

  async #runWrite(operation: WriteOperation): Promise<void> {
    const { block, records, done } = operation;
    if (!block.dropped && !block.failed) {
      try {
        await this.#write(block, records);
        failpoint("journal.append.afterWrite");
      } catch (error) {
        block.failed = true;
        this.#options.onFailure(this.#classify(block, error));
      }
    }
    done.resolve();
  }

  #classify(block: DiskBlock, error: unknown): WriteFailure {
    const reason = FULL_CODES.includes((error as NodeJS.ErrnoException).code) ? "full" : "io";
    return { reason, message: toSmError(error, "JOURNAL_IO", `cannot write segment ${join(this.#options.directory, block.fileName)}`).message };
  }

  async #write(block: DiskBlock, records: readonly JournalRecord[]): Promise<void> {
    const bytes = records.reduce((sum, record) => sum + frameBytesOf(record), 0);
    await this.#assertFree(bytes);
    const segment = this.#open?.block === block ? this.#open : await this.#create(block);
    const headers = Buffer.allocUnsafe(records.length * FRAME_HEADER_BYTES);
    const buffers: Buffer[] = [];
    let at = block.fileBytes;
    records.forEach((record, index) => {
      const header = headers.subarray(index * FRAME_HEADER_BYTES, (index + 1) * FRAME_HEADER_BYTES);
      encodeFrameHeader(header, record, segment.seed, at);
      buffers.push(header, record.bytes);
      at += frameBytesOf(record);
    });
    await writeWhole(segment.handle, buffers, block.fileBytes);
    block.fileBytes = at;
    block.written += records.length;
  }

  async #create(block: DiskBlock): Promise<OpenSegment> {
    const { directory, setName, epoch } = this.#options;
    await this.#closeOpen();
    const header = encodeSegmentHeader({ setName, epoch, firstSeq: block.firstSeq });
    const handle = await open(join(directory, block.fileName), "wx", 0o600);
    this.#open = { block, handle, seed: segmentSeed(header) };
    await writeWhole(handle, [header], 0);
    block.fileBytes = header.length;
    return this.#open;
  }

  async #assertFree(bytes: number): Promise<void> {
    const { directory } = this.#options;
    const minFreeBytes = this.#options.minFreeBytes();
    if (minFreeBytes <= 0) return;
    const volume = await statfs(directory);
    const freeBytes = volume.bavail * volume.bsize;
    if (freeBytes - bytes < minFreeBytes) throw new VolumeFullError(`${freeBytes} bytes are free on the volume, ${minFreeBytes} must stay free`);
  }

  async #runSeal(block: DiskBlock): Promise<void> {
    if (block.sealed || block.dropped) return;
    const { directory, log } = this.#options;
    const path = join(directory, block.fileName);
    try {
      // What a failed write left behind is no record; cut, it also gives its space back.
      if (block.failed && this.#open?.block === block) await this.#open.handle.truncate(block.fileBytes);
      if (this.#open?.block === block) await this.#closeOpen();
      failpoint("journal.segment.beforeRename");
      const finalName = block.fileName.slice(0, -PART_SUFFIX.length);
      await rename(path, join(directory, finalName));
      block.fileName = finalName;
    } catch (error) {
      // The segment stays readable under its growing name; close() tries again.
      log.error("a queue segment could not be sealed", { path, error: toSmError(error).message });
      return;
    }
    block.sealed = true;
    this.#options.onSealed(block);
  }

  async #runRemove(block: DiskBlock): Promise<void> {
    const path = join(this.#options.directory, block.fileName);
    try {
      if (this.#open?.block === block) await this.#closeOpen();
      await unlink(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      this.#options.log.warn("a queue segment that is done could not be removed", { path, error: toSmError(error).message });
    }
  }

  async #closeOpen(): Promise<void> {
    const handle = this.#open?.handle;
    this.#open = undefined;
    await handle?.close();
  }

  async close(): Promise<void> {
    await this.idle();
    await this.#closeOpen();
  }
}

/** writev that goes on after a short write: only an error ends it early. */
async function writeWhole(handle: FileHandle, buffers: readonly Buffer[], position: number): Promise<void> {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    at += bytesWritten;
    rest = dropBytes(rest, bytesWritten);
  }
}

function dropBytes(buffers: readonly Buffer[], count: number): Buffer[] {
  let left = count;
  let index = 0;
  while (index < buffers.length && left >= (buffers[index]?.length ?? 0)) left -= buffers[index++]?.length ?? 0;
  const rest = buffers.slice(index);
  if (left > 0 && rest[0] !== undefined) rest[0] = rest[0].subarray(left);
  return rest;
}
