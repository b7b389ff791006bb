// Answers of a set under way outlive the process: a set that is half applied when the process dies is not applied again
// from its start, so what its first half had to say would be lost. Two files of bounded size, the older one dropped when
// the newer is full.

import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Packr, Unpackr } from "msgpackr";
import { toSmError } from "../base/errors.js";
import { MiB } from "../base/units.js";
import type { Answer } from "../model/change.js";

const FILE_BYTES_MAX = 4 * MiB;
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

export interface LoggedAnswer {
  readonly epoch: string;
  readonly index: number;
  readonly answer: Answer;
}

export class AnswerLog {
  readonly #directory: string;
  #fd: number;
  #bytes: number;

  private constructor(directory: string, fd: number, bytes: number) {
    this.#directory = directory;
    this.#fd = fd;
    this.#bytes = bytes;
  }

  static open(stateDirectory: string): AnswerLog {
    const path = join(stateDirectory, "answers");
    const { validBytes } = readEntries(path);
    const fd = openSync(path, "a", 0o600);
    // A torn tail would hide whatever is appended behind it.
    ftruncateSync(fd, validBytes);
    return new AnswerLog(stateDirectory, fd, validBytes);
  }

  append(entries: readonly LoggedAnswer[]): void {
    if (entries.length === 0) return;
    try {
      if (this.#bytes > FILE_BYTES_MAX) this.#rotate();
      const frames = entries.flatMap(({ epoch, index, answer }) => {
        const body = packr.pack([epoch, index, answer]) as Buffer;
        const head = Buffer.alloc(4);
        head.writeUInt32LE(body.length);
        return [head, body];
      });
      const bytes = Buffer.concat(frames);
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
      this.#bytes += bytes.length;
    } catch (error) {
      throw toSmError(error, "APPLY_RETRY", "cannot write the answers to the state directory");
    }
  }

  /** All that is kept of this epoch, oldest first. */
  read(epoch: string): readonly LoggedAnswer[] {
    return ["answers.old", "answers"].flatMap((name) => readEntries(join(this.#directory, name)).entries).filter((entry) => entry.epoch === epoch);
  }

  close(): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }

  #rotate(): void {
    const path = join(this.#directory, "answers");
    closeSync(this.#fd);
    renameSync(path, join(this.#directory, "answers.old"));
    this.#fd = openSync(path, "a", 0o600);
    this.#bytes = 0;
  }
}

function readEntries(path: string): { readonly entries: readonly LoggedAnswer[]; readonly validBytes: number } {
  if (!existsSync(path)) return { entries: [], validBytes: 0 };
  const bytes = readFileSync(path);
  const entries: LoggedAnswer[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const length = bytes.readUInt32LE(at);
    if (at + 4 + length > bytes.length) break;
    const entry = decodeEntry(bytes.subarray(at + 4, at + 4 + length));
    if (entry === undefined) break;
    entries.push(entry);
    at += 4 + length;
  }
  return { entries, validBytes: at };
}

function decodeEntry(body: Buffer): LoggedAnswer | undefined {
  try {
    const [epoch, index, answer] = unpackr.unpack(body) as [string, number, Answer];
    return { epoch, index, answer };
  } catch (error) {
    // A crash of the machine can leave zeros or half a record; what is behind it is covered by the recovery mirror.
    if (error instanceof Error) return undefined;
    throw error;
  }
}
