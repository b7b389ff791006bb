// Lines to a series of files, in order and bounded: whatever becomes of the directory or the volume, who logs never waits and never
// fails. Lines wait in memory while they cannot be written; beyond its bound the oldest go, and how many is told.
//   write ─▶ pending ─▶ one batch at a time ─▶ file of the series ─ full ─▶ the next

import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { toSmError } from "../base/errors.js";
import { delay } from "../base/wait.js";
import type { LogSeries } from "./log-series.js";

export interface LogWriterOptions {
  readonly series: LogSeries;
  /** A line that would make a file larger goes to the next one. */
  readonly bytesMax: number;
  /** Called when it cannot be written, and when it can again (null), with the lines that were lost meanwhile. */
  onFault(fault: string | null, lost: number): void;
  readonly retryMs?: number;
}

const PENDING_BYTES_MAX = 1024 * 1024;
const RETRY_MS = 1000;
const NEW_LINE = 10;

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #closing = new AbortController();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Of the first of them, which are being written. */
  #underWay = 0;
  #lost = 0;
  #fault: string | null = null;
  #draining: Promise<void> | null = null;
  /** Resolved after each attempt. */
  #attempts: (() => void)[] = [];

  constructor(options: LogWriterOptions) {
    this.#options = options;
  }

  /** `line` without its end. */
  write(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    while (this.#pendingBytes > PENDING_BYTES_MAX && this.#pending.length > this.#underWay + 1) {
      this.#pendingBytes -= this.#pending.splice(this.#underWay, 1)[0]?.length ?? 0;
      this.#lost += 1;
    }
    this.#draining ??= this.#drain();
  }

  /** What was given until now is written when it resolves, or cannot be. */
  async flush(): Promise<void> {
    if (this.#draining === null || this.#fault !== null) return;
    await new Promise<void>((resolve) => this.#attempts.push(resolve));
  }

  /** Tries once more to write what waits. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // Lines of one moment go in one batch.
    await undefined;
    while (this.#pending.length > 0) {
      const isLast = this.#closing.signal.aborted;
      const failure = await this.#writePending();
      if (failure === null) {
        if (this.#fault !== null) this.#tell(null);
        if (this.#pending.length > 0) continue;
      } else if (this.#fault === null) {
        this.#tell(failure);
      }
      for (const resolve of this.#attempts.splice(0)) resolve();
      if (failure === null) continue;
      if (isLast) break;
      await delay(this.#options.retryMs ?? RETRY_MS, this.#closing.signal);
    }
    this.#draining = null;
  }

  #tell(fault: string | null): void {
    this.#fault = fault;
    const lost = this.#lost;
    if (fault === null) this.#lost = 0;
    this.#options.onFault(fault, lost);
  }

  /** Null when nothing of it is left; else why not. */
  async #writePending(): Promise<string | null> {
    const { series } = this.#options;
    try {
      while (this.#pending.length > 0) {
        const path = await series.current();
        const file = await openLog(path);
        let isFull: boolean;
        try {
          isFull = await this.#append(file);
        } finally {
          await file.close();
        }
        if (isFull) await series.turn();
      }
      return null;
    } catch (error) {
      return toSmError(error).message;
    }
  }

  /** Writes what fits. True when lines are left that the next file takes. */
  async #append(file: FileHandle): Promise<boolean> {
    const { size } = await file.stat();
    // What a crash, or a full volume, tore ends before the next line begins.
    const start = size > 0 && !(await endsLine(file, size)) ? [Buffer.from("\n")] : [];
    let bytes = start.length;
    let count = 0;
    for (const line of this.#pending) {
      if (size + bytes + line.length > this.#options.bytesMax && size + count > 0) break;
      bytes += line.length;
      count += 1;
    }
    if (count === 0) return true;
    const batch = this.#pending.slice(0, count);
    this.#underWay = count;
    try {
      await file.appendFile(Buffer.concat([...start, ...batch]));
    } catch (error) {
      // Written again as a whole: a part of it that stayed would be there twice.
      await file.truncate(size).catch(() => undefined);
      throw error;
    } finally {
      this.#underWay = 0;
    }
    this.#pending.splice(0, count);
    for (const { length } of batch) this.#pendingBytes -= length;
    return this.#pending.length > 0 && size + bytes >= this.#options.bytesMax;
  }
}

async function openLog(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
  try {
    return await open(path, flags, 0o640);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o750 });
    return await open(path, flags, 0o640);
  }
}

async function endsLine(file: FileHandle, size: number): Promise<boolean> {
  const last = Buffer.alloc(1);
  const { bytesRead } = await file.read(last, 0, 1, size - 1);
  return bytesRead === 0 || last[0] === NEW_LINE;
}
