// A file that comes in several pieces is one transfer. A piece that continues one is written only onto the very file that
// the piece before left, untouched since: otherwise the last piece would give a wrong content the right size and time.
// Kept in a file, for a process that is killed between two pieces of a state: the next one completes it. Not synced: a
// crash of the machine is told by the boot id, and whatever is not known costs a transfer that is sent anew.
//   u32 length of the body | u64 xxh64 of it | body: msgpack [boot id, [[place, dev, ino, size, mtime s, ns(, true: interrupted)], …]]

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
/** A transfer of which no piece came for so long was given up: what it left behind is no file to go on from. */
const UNDER_WAY_MS = 30_000;

interface Left extends Pick<FileStat, "dev" | "ino" | "size" | "mtimeSec" | "mtimeNsec"> {
  /** A live change comes in pieces, in the middle of the transfer. */
  readonly isInterrupted: boolean;
}

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });
const leftSchema = z.tuple([z.string(), z.number(), z.number(), z.number(), z.number(), z.number()], z.boolean());
const bodySchema = z.tuple([z.string(), z.array(leftSchema)]);

export class TransferWatch {
  readonly #left: Map<string, Left>;
  /** When a piece of these came last, to this process; monotonic, ms. Of those that were announced: live changes may join them. */
  readonly #underWay = new Map<string, number>();
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
    const key = keyOf(change);
    return this.#left.get(key)?.isInterrupted !== true && this.#isAsLeft(key, stat);
  }

  #isAsLeft(key: string, stat: FileStat): boolean {
    const left = this.#left.get(key);
    if (left === undefined || left.ino !== stat.ino || left.dev !== stat.dev) return false;
    return left.size === stat.size && left.mtimeSec === stat.mtimeSec && left.mtimeNsec === stat.mtimeNsec;
  }

  /**
   * A live change, or a piece of it, came in the middle of a transfer by a job: what the source reads for either is in order. It is written
   * onto the file as the piece before left it, whatever base it names, and the transfer goes on. `isRedo`: it was so when it was
   * begun, and nothing tells at which piece the file is.
   */
  joins({ base, continues, start, ...place }: FileChange, stat: FileStat, isRedo: boolean): boolean {
    const key = keyOf(place);
    const left = this.#left.get(key);
    const isLive = continues ? left?.isInterrupted === true : base !== null;
    if (start !== "patch" || left === undefined || !isLive) return false;
    if (isRedo) return true;
    const lastMs = this.#underWay.get(key) ?? Number.NEGATIVE_INFINITY;
    return performance.now() - lastMs < UNDER_WAY_MS && this.#isAsLeft(key, stat);
  }

  /** How a live change in the middle has left the file. `isDone`: else the same change is tried again. */
  leaveJoined(change: FileChange, stat: FileStat, isDone: boolean): void {
    this.#leave(change, stat, isDone ? change.meta === null : change.continues);
  }

  /** How a piece, written or cut short, has left the file. */
  leave(change: FileChange, stat: FileStat): void {
    const key = keyOf(change);
    const isAnnounced = change.continues ? this.#underWay.has(key) : isAnnouncement(change);
    if (this.#underWay.size >= TRANSFERS_MAX) this.#underWay.clear();
    if (isAnnounced) this.#underWay.set(key, performance.now());
    else this.#underWay.delete(key);
    this.#leave(change, stat, false);
  }

  #leave(change: FileChange, { dev, ino, size, mtimeSec, mtimeNsec }: FileStat, isInterrupted: boolean): void {
    this.#isDirty = true;
    this.#left.delete(keyOf(change));
    if (this.#left.size >= TRANSFERS_MAX) {
      for (const oldest of this.#left.keys()) {
        this.#left.delete(oldest);
        break;
      }
    }
    this.#left.set(keyOf(change), { dev, ino, size, mtimeSec, mtimeNsec, isInterrupted });
  }

  end(change: FileChange): void {
    this.#underWay.delete(keyOf(change));
    if (this.#left.size > 0 && this.#left.delete(keyOf(change))) this.#isDirty = true;
  }

  /** To be called before the cursor moves on. */
  flush(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const kept = [...this.#left].slice(-KEPT_MAX);
    const body = packr.pack([this.#bootId, kept.map(([key, left]) => fieldsOf(key, left))]);
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

/** The first piece of a transfer by a job, without content: what is written to the file from then on is told, and comes in order. */
function isAnnouncement({ base, extents, holes }: FileChange): boolean {
  return base === null && extents.length + holes.length === 0;
}

function fieldsOf(key: string, { dev, ino, size, mtimeSec, mtimeNsec, isInterrupted }: Left): readonly unknown[] {
  const fields = [key, dev, ino, size, mtimeSec, mtimeNsec];
  return isInterrupted ? [...fields, true] : fields;
}

/** Nothing, when it is torn or of another boot. */
function read(path: string, bootId: string): Map<string, Left> {
  const bytes = readFileSync(path);
  if (bytes.length < HEAD_BYTES) return new Map();
  const body = bytes.subarray(HEAD_BYTES, HEAD_BYTES + bytes.readUInt32LE(0));
  if (xxhash.xxh64(body) !== bytes.readBigUInt64LE(4)) return new Map();
  const parsed = bodySchema.safeParse(unpackr.unpack(body));
  if (!parsed.success || parsed.data[0] !== bootId) return new Map();
  return new Map(
    parsed.data[1].map(([key, dev, ino, size, mtimeSec, mtimeNsec, isInterrupted = false]) => [key, { dev, ino, size, mtimeSec, mtimeNsec, isInterrupted }]),
  );
}

function keyOf({ root, path }: Pick<FileChange, "root" | "path">): string {
  return `${root}:${path}`;
}
