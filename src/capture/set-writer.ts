// Gathers changes into change sets and hands each encoded set to the journal, in sequence. One writer per
// replication set: whatever is read, live or by a job, gets its place in the order at the moment of reading.

import { MiB } from "../base/units.js";
import type { Change, FileChange } from "../model/change.js";
import { type ChangeSet, encodeChangeSet, encodeSingle } from "../model/change-set.js";
import { RenameLog } from "./rename-log.js";

export interface OutgoingSet {
  readonly seq: number;
  /** 0 = every connection. */
  readonly connectionId: number;
  readonly mirror: boolean;
  readonly changes: number;
  readonly lastPath: string;
  readonly bytes: Buffer;
}

export const SET_PAYLOAD_BYTES = MiB;
const CHANGES_MAX = 1500;
/** Room for the header in front of a chunk that is read in place. */
const HEADROOM_BYTES = 80 * 1024;

export class SetWriter {
  readonly renames = new RenameLog();
  readonly #emit: (set: OutgoingSet) => void;
  readonly #payload = Buffer.allocUnsafeSlow(SET_PAYLOAD_BYTES);
  #used = 0;
  #changes: Change[] = [];
  #connectionId = 0;
  #mirror = false;
  #lastSeq: number;

  constructor(lastSeq: number, emit: (set: OutgoingSet) => void) {
    this.#lastSeq = lastSeq;
    this.#emit = emit;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Directs what follows to one connection (a job) or to all (0, live). Switching closes the open set. */
  direct(connectionId: number, mirror: boolean): void {
    if (connectionId === this.#connectionId && mirror === this.#mirror) return;
    this.flush();
    this.#connectionId = connectionId;
    this.#mirror = mirror;
  }

  /** Space for `length` bytes of payload (at most SET_PAYLOAD_BYTES); valid until the next call but `add`. */
  reserve(length: number): Buffer {
    if (this.#used + length > SET_PAYLOAD_BYTES || this.#changes.length >= CHANGES_MAX) this.flush();
    return this.#payload.subarray(this.#used, this.#used + length);
  }

  /** Adds a change; a file's payload must be what `reserve` gave, filled. */
  add(change: Change): void {
    if (this.#changes.length >= CHANGES_MAX) this.flush();
    this.#changes.push(change);
    if (change.op === "rename") this.renames.note(this.#lastSeq + 1, change.root, change.path, change.to);
    if (change.op === "file") this.#used += change.payload.length;
  }

  /** Emits one large chunk as a set of its own: `read` fills the payload in place. Returns what `read` returned. */
  addChunk(length: number, read: (into: Buffer) => FileChange | null): boolean {
    this.flush();
    const buffer = Buffer.allocUnsafeSlow(HEADROOM_BYTES + length);
    const change = read(buffer.subarray(HEADROOM_BYTES));
    if (change === null) return false;
    const set = this.#next([change]);
    const bytes = change.payload.length === length ? encodeSingle(set, buffer, HEADROOM_BYTES) : encodeChangeSet(set);
    this.#send(set, bytes);
    return true;
  }

  /** Closes the open set, if it holds anything. Returns the last sequence number used. */
  flush(): number {
    if (this.#changes.length > 0) {
      const set = this.#next(this.#changes);
      this.#changes = [];
      this.#used = 0;
      this.#send(set, encodeChangeSet(set));
    }
    return this.#lastSeq;
  }

  /** An empty set for one connection: its acknowledgement shows that the target is there and has all before it. */
  mark(connectionId: number): number {
    this.direct(connectionId, false);
    this.flush();
    const set = this.#next([]);
    this.#send(set, encodeChangeSet(set));
    return set.seq;
  }

  #next(changes: readonly Change[]): ChangeSet {
    this.#lastSeq += 1;
    // A file of which more is to come is no state the source ever had.
    const closed = !changes.some((change) => change.op === "file" && change.meta === null);
    return { seq: this.#lastSeq, sourceTimeMs: Date.now(), closed, mirror: this.#mirror, changes };
  }

  #send(set: ChangeSet, bytes: Buffer): void {
    const last = set.changes[set.changes.length - 1];
    this.#emit({ seq: set.seq, connectionId: this.#connectionId, mirror: this.#mirror, changes: set.changes.length, lastPath: last?.path ?? "", bytes });
  }
}
