// A file that comes in several pieces is one transfer. A piece that continues one is written only onto the very file that
// the piece before left, untouched since: otherwise the last piece would give a wrong content the right size and time.
// Kept in a file, for a process that is killed between two pieces of a state: the next one completes it. Not synced: a
// crash of the machine is told by the boot id, and whatever is not known costs a transfer that is sent anew.
//   u32 length of the body | u64 xxh64 of it | body: msgpack [boot id, [[place, dev, ino, size, mtime s, ns], …]]

import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import xxhash from "@node-rs/xxhash";
import { Packr, Unpackr } from "msgpackr";
import { z } from "zod";
import { toSmError } from "../base/errors.js";
import type { FileStat } from "../fs/native.js";
import type { FileChange } from "../model/change.js";

/** At the limit the oldest transfer is forgotten: its next piece is stale, and the file is sent anew. */
const TRANSFERS_MAX = 10_000;
/** Of those, the newest, which are all that there are unless thousands of files are sent at once. */
const KEPT_MAX = 100;
const HEAD_BYTES = 12;

type Left = Pick<FileStat, "dev" | "ino" | "size" | "mtimeSec" | "mtimeNsec">;

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });
const bodySchema = z.tuple([z.string(), z.array(z.tuple([z.string(), z.number(), z.number(), z.number(), z.number(), z.number()]))]);

export class TransferWatch {
  readonly #left: Map<string, Left>;
  readonly #bootId: string;
  readonly #fd: number;
  #isDirty = false;

  private constructor(fd: number, bootId: string, left: Map<string, Left>) {
    this.#fd = fd;
    this.#bootId = bootId;
    this.#left = left;
  }

  static open(path: string, bootId: string): TransferWatch {
    try {
      const fd = openSync(path, "a+", 0o600);
      closeSync(fd);
      return new TransferWatch(openSync(path, "r+"), bootId, read(path, bootId));
    } catch (error) {
      throw toSmError(error, "STATE_CORRUPT", `cannot open ${path}`);
    }
  }

  mayContinue(change: FileChange, stat: FileStat): boolean {
    const left = this.#left.get(keyOf(change));
    if (left === undefined || left.ino !== stat.ino || left.dev !== stat.dev) return false;
    return left.size === stat.size && left.mtimeSec === stat.mtimeSec && left.mtimeNsec === stat.mtimeNsec;
  }

  /** How a piece, written or cut short, has left the file. */
  leave(change: FileChange, { dev, ino, size, mtimeSec, mtimeNsec }: FileStat): void {
    this.#isDirty = true;
    this.#left.delete(keyOf(change));
    if (this.#left.size >= TRANSFERS_MAX) {
      for (const oldest of this.#left.keys()) {
        this.#left.delete(oldest);
        break;
      }
    }
    this.#left.set(keyOf(change), { dev, ino, size, mtimeSec, mtimeNsec });
  }

  end(change: FileChange): void {
    if (this.#left.size > 0 && this.#left.delete(keyOf(change))) this.#isDirty = true;
  }

  /** To be called before the cursor moves on. */
  flush(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const kept = [...this.#left].slice(-KEPT_MAX);
    const body = packr.pack([this.#bootId, kept.map(([key, { dev, ino, size, mtimeSec, mtimeNsec }]) => [key, dev, ino, size, mtimeSec, mtimeNsec])]);
    const bytes = Buffer.alloc(HEAD_BYTES + body.length);
    bytes.writeUInt32LE(body.length, 0);
    bytes.writeBigUInt64LE(xxhash.xxh64(body), 4);
    bytes.set(body, HEAD_BYTES);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at, at);
    } catch (error) {
      throw toSmError(error, "APPLY_RETRY", "cannot write the transfers under way to the state directory");
    }
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }
}

/** Nothing, when it is torn or of another boot. */
function read(path: string, bootId: string): Map<string, Left> {
  const bytes = readFileSync(path);
  if (bytes.length < HEAD_BYTES) return new Map();
  const body = bytes.subarray(HEAD_BYTES, HEAD_BYTES + bytes.readUInt32LE(0));
  if (xxhash.xxh64(body) !== bytes.readBigUInt64LE(4)) return new Map();
  const parsed = bodySchema.safeParse(unpackr.unpack(body));
  if (!parsed.success || parsed.data[0] !== bootId) return new Map();
  return new Map(parsed.data[1].map(([key, dev, ino, size, mtimeSec, mtimeNsec]) => [key, { dev, ino, size, mtimeSec, mtimeNsec }]));
}

function keyOf({ root, path }: FileChange): string {
  return `${root}:${path}`;
}
