// How far the target has applied, and which step that cannot be repeated is under way.
// Two records of 128 bytes, written in turn, each with a checksum: a torn write leaves the other one. Written before and
// after the deed without fsync: the page cache outlives the process; a crash of the machine is told by the boot id.
//   0 magic, 4 kind, 6 stray, 8 generation, 16 epoch, 24 appliedSeq, 32 intent seq, 40 intent index, 48 moved,
//   80 consistent seq, 88 its time, 96 misfit seq, 104 its time, 112 time of stray, 120 xxh64

import { existsSync } from "node:fs";
import xxhash from "@node-rs/xxhash";
import { SmError } from "../base/errors.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import { fsError } from "../fs/errno.js";
import { AT_FDCWD, closeFd, O_RDWR, openAt, preadFd, pwriteFd } from "../fs/native.js";
import { bytesFromText } from "../model/byte-path.js";
import { type Consistency, NO_CONSISTENCY, STRAYS } from "./consistency.js";
import type { InodeMark } from "./inode-mark.js";

const RECORD_BYTES = 128;
const CHECKED_BYTES = 120;
const MAGIC = 0x31634d53;
/** "past": nothing is under way; what came before `index` is settled, a change that did not fit among it. */
const KINDS = ["none", "rename", "remove", "link", "patch", "past", "rebuild"] as const;

export type IntentKind = Exclude<(typeof KINDS)[number], "none">;

export interface Intent {
  readonly kind: IntentKind;
  readonly seq: number;
  /** Position of the change in its set. */
  readonly index: number;
  readonly moved: InodeMark;
}

export interface CursorState {
  readonly epoch: string;
  readonly appliedSeq: number;
  readonly intent: Intent | null;
  readonly consistency: Consistency;
}

const EMPTY: CursorState = { epoch: "", appliedSeq: 0, intent: null, consistency: NO_CONSISTENCY };

export class CursorFile {
  readonly #fd: number;
  readonly #path: string;
  readonly #record = Buffer.alloc(RECORD_BYTES);
  #generation: bigint;
  #state: CursorState;
  #open = true;

  private constructor(fd: number, path: string, generation: bigint, state: CursorState) {
    this.#fd = fd;
    this.#path = path;
    this.#generation = generation;
    this.#state = state;
  }

  static open(path: string): CursorFile {
    if (!existsSync(path)) writeFileAtomic(path, Buffer.alloc(2 * RECORD_BYTES));
    const fd = openAt(AT_FDCWD, bytesFromText(path), O_RDWR);
    if (fd < 0) throw fsError(fd, "open the cursor", bytesFromText(path));
    const bytes = Buffer.alloc(2 * RECORD_BYTES);
    const length = preadFd(fd, bytes, bytes.length, 0);
    const found = [0, 1].flatMap((slot) => decodeRecord(bytes.subarray(slot * RECORD_BYTES, (slot + 1) * RECORD_BYTES)) ?? []);
    if (length !== bytes.length || (found.length === 0 && bytes.some((b) => b !== 0))) {
      closeFd(fd);
      throw new SmError("STATE_CORRUPT", `the cursor ${path} holds no valid record`, { data: { path } });
    }
    const newest = found.sort((a, b) => (a.generation < b.generation ? 1 : -1))[0];
    return new CursorFile(fd, path, newest?.generation ?? 0n, newest?.state ?? EMPTY);
  }

  get state(): CursorState {
    return this.#state;
  }

  write(state: CursorState): void {
    this.#generation += 1n;
    encodeRecord(this.#record, this.#generation, state);
    const written = pwriteFd(this.#fd, this.#record, RECORD_BYTES, Number(this.#generation & 1n) * RECORD_BYTES);
    if (written !== RECORD_BYTES)
      throw new SmError("APPLY_RETRY", `cannot write the cursor ${this.#path}`, { cause: fsError(written, "write", bytesFromText(this.#path)) });
    this.#state = state;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeFd(this.#fd);
  }
}

function encodeRecord(record: Buffer, generation: bigint, state: CursorState): void {
  const { intent } = state;
  record.fill(0);
  record.writeUInt32LE(MAGIC, 0);
  record.writeUInt16LE(intent === null ? 0 : KINDS.indexOf(intent.kind), 4);
  encodeConsistency(record, state.consistency);
  record.writeBigUInt64LE(generation, 8);
  record.write(state.epoch, 16, "hex");
  record.writeDoubleLE(state.appliedSeq, 24);
  if (intent !== null) {
    record.writeDoubleLE(intent.seq, 32);
    record.writeUInt32LE(intent.index, 40);
    record.writeDoubleLE(intent.moved.dev, 48);
    record.writeDoubleLE(intent.moved.ino, 56);
    record.writeDoubleLE(intent.moved.btimeSec, 64);
    record.writeDoubleLE(intent.moved.btimeNsec, 72);
  }
  record.writeBigUInt64LE(xxhash.xxh64(record.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
}

function decodeRecord(record: Buffer): { generation: bigint; state: CursorState } | undefined {
  if (record.readUInt32LE(0) !== MAGIC || record.readBigUInt64LE(CHECKED_BYTES) !== xxhash.xxh64(record.subarray(0, CHECKED_BYTES))) return undefined;
  const kind = KINDS[record.readUInt16LE(4)] ?? "none";
  const epoch = record.toString("hex", 16, 24);
  const moved = { dev: record.readDoubleLE(48), ino: record.readDoubleLE(56), btimeSec: record.readDoubleLE(64), btimeNsec: record.readDoubleLE(72) };
  const intent = kind === "none" ? null : { kind, seq: record.readDoubleLE(32), index: record.readUInt32LE(40), moved };
  const state = { epoch: epoch === "0000000000000000" ? "" : epoch, appliedSeq: record.readDoubleLE(24), intent, consistency: decodeConsistency(record) };
  return { generation: record.readBigUInt64LE(8), state };
}

function encodeConsistency(record: Buffer, { seq, timeMs, misfitSeq, misfitMs, stray, strayMs }: Consistency): void {
  record.writeUInt16LE(stray === null ? 0 : 1 + STRAYS.indexOf(stray), 6);
  record.writeDoubleLE(seq, 80);
  record.writeDoubleLE(timeMs, 88);
  record.writeDoubleLE(misfitSeq, 96);
  record.writeDoubleLE(misfitMs, 104);
  record.writeDoubleLE(strayMs, 112);
}

function decodeConsistency(record: Buffer): Consistency {
  return {
    seq: record.readDoubleLE(80),
    timeMs: record.readDoubleLE(88),
    misfitSeq: record.readDoubleLE(96),
    misfitMs: record.readDoubleLE(104),
    stray: STRAYS[record.readUInt16LE(6) - 1] ?? null,
    strayMs: record.readDoubleLE(112),
  };
}
