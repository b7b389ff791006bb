// What is to be applied as one, before it is: the write-ahead log of a target. Two files are written in turn; one is
// rewound when all in it is settled: applied, and synced where that is promised.
// After any end of the process the whole groups that are here and not applied are applied first (invariant I2).

import { join } from "node:path";
import { type FailpointName, failpoint } from "../base/failpoint.js";
import type { SetEnding } from "./consistency.js";
import { type Applied, type StagedSet, StageFile } from "./stage-file.js";
import type { StageRecord } from "./stage-format.js";

/** A file that is still needed is left for the other one at this size. */
const TURN_BYTES = 4 * 1024 * 1024;
/** No group begins in a file that is still needed beyond this share of the largest group. */
const FULL_SHARE = 0.25;

export interface StageOptions {
  readonly stateDirectory: string;
  readonly bytesMax: number;
  readonly applied: Applied;
  /** Groups survive a crash of the machine. */
  readonly isSynced: boolean;
  /** Called at each crash point before the failpoint of that name. */
  readonly onPoint?: (point: StagePoint) => void;
}

export type StagePoint = Extract<FailpointName, `apply.stage.${string}` | "apply.group.midApply">;

/** Where a set lies in the stage. */
export interface StagePlace {
  readonly file: StageFile;
  readonly offset: number;
  readonly length: number;
}

export interface LeftoverSet {
  readonly seq: number;
  readonly ending: SetEnding;
  readonly place: StagePlace;
}

/** A whole group, in order. */
export interface LeftoverGroup {
  readonly afterSeq: number;
  readonly sets: readonly LeftoverSet[];
}

export class Stage {
  readonly #options: StageOptions;
  readonly #files: readonly [StageFile, StageFile];
  readonly #found: readonly { readonly file: StageFile; readonly sets: readonly StagedSet[] }[];
  #current: StageFile;
  #generation: number;
  #settledSeq = 0;

  private constructor(options: StageOptions) {
    this.#options = options;
    const [a, b] = ["stage.a", "stage.b"].map((name) => StageFile.open(join(options.stateDirectory, name))) as [StageFile, StageFile];
    this.#files = [a, b];
    this.#found = this.#files.map((file) => ({ file, sets: file.scan(options.applied) })).sort((one, two) => one.file.generation - two.file.generation);
    this.#current = a.generation < b.generation ? b : a;
    this.#generation = this.#current.generation;
  }

  static open(options: StageOptions): Stage {
    return new Stage(options);
  }

  get isSynced(): boolean {
    return this.#options.isSynced;
  }

  get bytesMax(): number {
    return this.#options.bytesMax;
  }

  /** The whole groups of this stream that are not applied yet. What they build on must have been: a gap ends them. */
  leftovers(epoch: string, appliedSeq: number): readonly LeftoverGroup[] {
    const groups: LeftoverGroup[] = [];
    let reachedSeq = appliedSeq;
    for (const group of this.#found.flatMap(({ file, sets }) =>
      groupsOf(
        file,
        sets.filter((set) => set.epoch === epoch),
      ),
    )) {
      const lastSeq = group.sets.at(-1)?.seq ?? 0;
      if (lastSeq <= reachedSeq) continue;
      if (group.afterSeq > reachedSeq) break;
      groups.push(group);
      reachedSeq = lastSeq;
    }
    return groups;
  }

  /**
   * These leftovers are applied from here. Whatever else was not applied waits for nothing: the source sends it again, which must find room
   * even if both files are full of it.
   */
  take(groups: readonly LeftoverGroup[], appliedSeq: number): void {
    const sets = groups.flatMap((group) => group.sets);
    for (const file of this.#files) file.forgetBehind(sets.findLast(({ place }) => place.file === file)?.seq ?? appliedSeq);
  }

  /** All up to `seq` is applied, and synced if that was promised. */
  settle(seq: number): void {
    this.#settledSeq = Math.max(this.#settledSeq, seq);
  }

  /** Nothing more may be put: the files are full of what is applied and waits to be synced. */
  get mustSettle(): boolean {
    return this.#current.usedBytes > this.#options.bytesMax * FULL_SHARE && !this.#isFree(this.#current) && !this.#isFree(this.#other);
  }

  /** Called between groups only: a group lies in one file. */
  turn(): void {
    if (this.#isFree(this.#current)) {
      this.#rewind(this.#current);
    } else if (this.#current.usedBytes >= TURN_BYTES && this.#isFree(this.#other)) {
      this.#current = this.#other;
      this.#rewind(this.#current);
    }
  }

  /** Where each record is now, or the negative errno: then none is. */
  put(records: readonly StageRecord[]): readonly StagePlace[] | number {
    const file = this.#current;
    const offsets = file.append(records);
    if (typeof offsets === "number") return offsets;
    this.passPoint("apply.stage.afterWrite");
    return offsets.map((offset, index) => ({ file, offset, length: records[index]?.bytes.length ?? 0 }));
  }

  /** 0, or the negative errno. */
  sync(): number {
    const result = this.#options.isSynced ? this.#current.sync() : 0;
    if (result === 0) this.passPoint("apply.stage.afterSync");
    return result;
  }

  /** Another stream begins: what is here belongs to none. */
  reset(): void {
    this.#settledSeq = 0;
    for (const file of this.#files) file.rewind(++this.#generation);
  }

  passPoint(point: StagePoint): void {
    this.#options.onPoint?.(point);
    failpoint(point);
  }

  close(): void {
    for (const file of this.#files) file.close();
  }

  get #other(): StageFile {
    const [a, b] = this.#files;
    return this.#current === a ? b : a;
  }

  #isFree(file: StageFile): boolean {
    return file.lastSeq <= this.#settledSeq;
  }

  #rewind(file: StageFile): void {
    if (file.usedBytes > 0) this.passPoint("apply.stage.beforeRewind");
    file.rewind(++this.#generation);
  }
}

/** Sets that no ending follows are no group: the source sends them again. */
function groupsOf(file: StageFile, sets: readonly StagedSet[]): readonly LeftoverGroup[] {
  const groups: LeftoverGroup[] = [];
  let open: LeftoverSet[] = [];
  let afterSeq = 0;
  for (const { seq, ending, offset, length, afterSeq: before } of sets) {
    if (open.length === 0) afterSeq = before;
    const last = open.at(-1);
    if (length > 0) open.push({ seq, ending, place: { file, offset, length } });
    else if (last !== undefined) open[open.length - 1] = { ...last, ending };
    if (ending === "none") continue;
    if (open.length > 0) groups.push({ afterSeq, sets: open });
    open = [];
  }
  return groups;
}
