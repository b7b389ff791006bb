// The dirty map of one connection, kept in a file. What is entered is durable when `commit` resolves: only then may what it stands
// for be dropped. That places were repaired is written as well, but never waited for: at worst they are repaired again.
// An empty map has no file.

import { randomBytes } from "node:crypto";
import { closeSync, fsync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import { toSmError } from "../base/errors.js";
import { failpoint } from "../base/failpoint.js";
import type { Log } from "../base/log.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import type { DirtyBatch, DirtyFigures, DirtyPlace } from "../model/dirty-place.js";
import { FormatError } from "./byte-cursor.js";
import { enterSet, followSet } from "./dirty-changes.js";
import { type DirtyContent, type DirtyStep, decodeDirty, encodeDirtyFrame, encodeDirtyHeader } from "./dirty-format.js";
import { DIRTY_LIMITS, type DirtyLimits, DirtyMap } from "./dirty-map.js";

const syncFile = promisify(fsync);
/** A file that grew by so much, and to twice its size, is written anew. */
const GROWTH_BYTES = 1024 * 1024;

export interface DirtyBookOptions {
  readonly path: string;
  readonly connectionId: number;
  readonly log: Log;
  readonly limits?: DirtyLimits;
}

interface OpenFile {
  readonly fd: number;
  readonly header: Buffer;
  bytes: number;
  /** Size when it was last written anew. */
  readonly freshBytes: number;
}

export class DirtyBook {
  /** Why part of what was in the file is not known; null = all is. */
  readonly damage: string | null;
  readonly #options: DirtyBookOptions;
  readonly #map: DirtyMap;
  #file: OpenFile | null = null;
  #steps: DirtyStep[] = [];
  #sinceMs: number | null = null;
  #isReplaying = false;
  /** A write failed: what the file says of the map is not all. */
  #isBehind = false;
  #isRemoved = false;
  #syncing: Promise<void> = Promise.resolve();

  private constructor(options: DirtyBookOptions) {
    this.#options = options;
    this.#map = new DirtyMap(options.limits ?? DIRTY_LIMITS, (mark) => this.#note({ kind: "mark", mark }));
    this.damage = this.#load();
  }

  /** What is damaged in the file is said by `damage`; throws when it cannot be read at all. */
  static open(options: DirtyBookOptions): DirtyBook {
    return new DirtyBook(options);
  }

  get isEmpty(): boolean {
    return this.#map.isEmpty;
  }

  get figures(): DirtyFigures {
    const { size: places, files, bytes } = this.#map;
    return { places, files, bytes, since: places === 0 || this.#sinceMs === null ? null : new Date(this.#sinceMs).toISOString() };
  }

  /** The connection will not get this set. In the map when it returns; durable after the next `commit`. */
  enter(bytes: Buffer): void {
    const owedLinks = this.#map.owesLinks;
    if (this.#map.isEmpty) {
      this.#sinceMs = Date.now();
      this.#note({ kind: "since", ms: this.#sinceMs });
    }
    enterSet(this.#map, bytes);
    if (!owedLinks && this.#map.owesLinks) this.#note({ kind: "links", owed: true });
  }

  /**
   * These may differ, for another reason than the queue. In the map when it returns; durable after the next `commit`. `withLinks`: so may any
   * name of a file that has several.
   */
  enterPlaces(places: readonly DirtyPlace[], { withLinks }: { readonly withLinks: boolean }): void {
    if (this.#map.isEmpty) {
      this.#sinceMs = Date.now();
      this.#note({ kind: "since", ms: this.#sinceMs });
    }
    for (const place of places) this.#map.mark({ ...place, files: 0, bytes: 0 });
    if (!withLinks) return;
    this.#map.markLinks();
    this.#note({ kind: "links", owed: true });
  }

  /** The connection gets this set. */
  follow(bytes: Buffer): void {
    if (!this.#map.isEmpty) followSet(this.#map, bytes);
  }

  /** Every place, in no order. */
  places(): readonly DirtyPlace[] {
    return [...this.#map.all()].map(({ root, path, level, thorough }) => ({ root, path, level, thorough }));
  }

  get isThorough(): boolean {
    return this.places().some(({ thorough }) => thorough);
  }

  take(max: number): DirtyBatch | null {
    return this.#map.take(max);
  }

  /** The target has what repairs the batch. */
  settle(id: number): void {
    const owedLinks = this.#map.owesLinks;
    for (const place of this.#map.settle(id)) this.#note({ kind: "clear", place });
    if (owedLinks && !this.#map.owesLinks) this.#note({ kind: "links", owed: false });
    failpoint("dirty.settle.beforeWrite");
    try {
      this.#write();
    } catch (error) {
      this.#sayUnwritten(error);
    }
  }

  /** Forgets every place, durably before anything else is written. */
  clear(): void {
    for (const place of this.places()) this.#map.forget(place);
    this.#map.forgetLinks();
    this.#steps = [];
    this.#isBehind = true;
    this.tick();
  }

  release(id: number): void {
    this.#map.release(id);
  }

  /** What was entered before the call is durable when it resolves; rejects when it cannot be made so. */
  async commit(): Promise<void> {
    const before = this.#syncing;
    const done = before.catch(() => undefined).then(() => this.#commit());
    this.#syncing = done;
    await done;
  }

  async #commit(): Promise<void> {
    this.#write();
    failpoint("dirty.enter.beforeSync");
    const file = this.#file;
    if (file === null) return;
    try {
      await syncFile(file.fd);
    } catch (error) {
      // Written anew meanwhile, which is durable at once.
      if (this.#file === file) throw error;
    }
  }

  /** Writes what waits to be written; called now and then. */
  tick(): void {
    try {
      this.#write();
    } catch (error) {
      this.#sayUnwritten(error);
    }
  }

  close(): void {
    this.tick();
    this.#closeFile();
  }

  /** The connection is no more. */
  remove(): void {
    this.#isRemoved = true;
    this.#removeFile();
  }

  #note(step: DirtyStep): void {
    if (!this.#isReplaying) this.#steps.push(step);
  }

  #sayUnwritten(error: unknown): void {
    const { log, connectionId } = this.#options;
    log.warn("the dirty map cannot be written just now", { connection: connectionId, error: toSmError(error).message });
  }

  #write(): void {
    if ((this.#steps.length === 0 && !this.#isBehind) || this.#isRemoved) return;
    const isWhole = !this.#isBehind;
    const steps = this.#steps;
    this.#steps = [];
    this.#isBehind = true;
    const file = this.#file;
    if (this.#map.isEmpty) this.#removeFile();
    else if (isWhole && file !== null && file.bytes <= Math.max(GROWTH_BYTES, 2 * file.freshBytes)) append(file, steps);
    else this.#writeAnew();
    this.#isBehind = false;
  }

  #writeAnew(): void {
    const { path, connectionId } = this.#options;
    const header = encodeDirtyHeader(connectionId, randomBytes(8));
    const steps: DirtyStep[] = [...this.#map.all()].map((mark) => ({ kind: "mark", mark }));
    if (this.#map.owesLinks) steps.push({ kind: "links", owed: true });
    if (this.#sinceMs !== null) steps.push({ kind: "since", ms: this.#sinceMs });
    const bytes = Buffer.concat([header, encodeDirtyFrame(steps, header, header.length)]);
    writeFileAtomic(path, bytes);
    this.#closeFile();
    this.#file = { fd: openSync(path, "r+"), header, bytes: bytes.length, freshBytes: bytes.length };
  }

  #removeFile(): void {
    this.#closeFile();
    rmSync(this.#options.path, { force: true });
  }

  #closeFile(): void {
    if (this.#file !== null) closeSync(this.#file.fd);
    this.#file = null;
  }

  /** Why part of it is not known. The file is written anew with the next step. */
  #load(): string | null {
    const { path, connectionId } = this.#options;
    let file: Buffer;
    try {
      file = readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw toSmError(error, "STATE_CORRUPT", `cannot read ${path}`);
    }
    let content: DirtyContent;
    try {
      content = decodeDirty(file, connectionId);
    } catch (error) {
      if (error instanceof FormatError) return `${path} is damaged: ${error.message}`;
      throw error;
    }
    this.#isReplaying = true;
    for (const step of content.steps) this.#replay(step);
    this.#isReplaying = false;
    return content.damage === "corrupt" ? `${path} is damaged` : null;
  }

  #replay(step: DirtyStep): void {
    switch (step.kind) {
      case "mark":
        this.#map.restore(step.mark);
        break;
      case "clear":
        this.#map.forget(step.place);
        break;
      case "links":
        if (step.owed) this.#map.markLinks();
        else this.#map.forgetLinks();
        break;
      case "since":
        this.#sinceMs = step.ms;
        break;
    }
  }
}

function append(file: OpenFile, steps: readonly DirtyStep[]): void {
  const frame = encodeDirtyFrame(steps, file.header, file.bytes);
  for (let at = 0; at < frame.length; ) at += writeSync(file.fd, frame, at, frame.length - at, file.bytes + at);
  file.bytes += frame.length;
}
