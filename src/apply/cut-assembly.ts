// Puts the sets that come into the groups that are applied as one. A live set that completes no state is held until one
// that does; whatever comes meanwhile waits behind it in order. A whole group is in the stage before its first set is
// applied; what is held is there only, not in memory. Sets of a mirror are no states: with nothing held they pass.

import { discardBuffer } from "../base/discard-buffer.js";
import { errnoName } from "../fs/errno.js";
import type { ChangeSet } from "../model/change-set.js";
import type { SetEnding } from "./consistency.js";
import type { LeftoverGroup, Stage, StagePlace } from "./stage.js";

/** A set on its way to being applied. */
export interface PlannedSet {
  readonly seq: number;
  readonly afterSeq: number;
  /** Received and not yet told to be worked off. */
  bytes: number;
  ending: SetEnding;
  /** Null once only the stage has it. */
  loaded: { readonly set: ChangeSet; readonly frame: Buffer } | null;
  place: StagePlace | null;
  /** Passes by the stage. */
  readonly isPassing: boolean;
  /** Staged by an earlier process. */
  readonly isLeftover: boolean;
}

export interface CutAssemblyOptions {
  readonly stage: Stage;
  readonly epoch: () => string;
}

export class CutAssembly {
  readonly #options: CutAssemblyOptions;
  /** Groups that are whole, in order. */
  readonly ready: PlannedSet[] = [];
  /** Came since the last commit. */
  #arrived: PlannedSet[] = [];
  #arrivedBytes = 0;
  /** The group that waits for its end, as far as it was committed. */
  #held: PlannedSet[] = [];
  #isHolding = false;
  #groupBytes = 0;
  #groupSets = 0;
  #takenSeq = 0;
  #fault: string | null = null;

  constructor(options: CutAssemblyOptions) {
    this.#options = options;
  }

  /** All up to here is applied, ready or held. */
  get takenSeq(): number {
    return this.#takenSeq;
  }

  /** Bytes that wait for a commit. */
  get arrivedBytes(): number {
    return this.#arrivedBytes;
  }

  /** Why the stage could not be written when it was last tried. */
  get fault(): string | null {
    return this.#fault;
  }

  /** The stream goes on behind this set. */
  begin(seq: number): void {
    this.#takenSeq = Math.max(seq, this.ready.at(-1)?.seq ?? 0);
  }

  /** Another stream: nothing of the one before is applied any more. */
  reset(): void {
    this.ready.length = 0;
    this.#takenSeq = 0;
  }

  /** Groups of an earlier process come before everything else. */
  putLeftovers(groups: readonly LeftoverGroup[]): void {
    const plain = { bytes: 0, loaded: null, isPassing: false, isLeftover: true };
    for (const { sets, afterSeq } of groups) for (const { seq, ending, place } of sets) this.ready.push({ ...plain, seq, afterSeq, ending, place });
  }

  /** Takes a set; false = it came before, and is worked off already. */
  take(set: ChangeSet, frame: Buffer): boolean {
    if (set.seq <= this.#takenSeq) return false;
    if (this.#isHolding && (this.#groupBytes + frame.length > this.#options.stage.bytesMax || this.#groupSets >= SETS_HELD_MAX)) this.#endHere();
    const isPassing = set.mirror && !this.#isHolding;
    const ending = endingOf(set);
    const loaded = { set, frame };
    this.#push({ seq: set.seq, afterSeq: this.#takenSeq, bytes: frame.length, ending, loaded, place: null, isPassing, isLeftover: false });
    this.#takenSeq = set.seq;
    if (isPassing) return true;
    this.#isHolding = ending === "none";
    this.#groupBytes = this.#isHolding ? this.#groupBytes + frame.length : 0;
    this.#groupSets = this.#isHolding ? this.#groupSets + 1 : 0;
    return true;
  }

  #push(set: PlannedSet): void {
    this.#arrived.push(set);
    this.#arrivedBytes += set.bytes;
  }

  /** What is held is too much: it is applied as it is, and the next set begins another group. */
  #endHere(): void {
    this.#push({ seq: this.#takenSeq, afterSeq: this.#takenSeq, bytes: 0, ending: "limit", loaded: null, place: null, isPassing: false, isLeftover: false });
    this.#endGroup();
  }

  #endGroup(): void {
    this.#isHolding = false;
    this.#groupBytes = 0;
    this.#groupSets = 0;
  }

  /** Writes what arrived to the stage: once for all of it. Returns the bytes of the sets that are held from now on. */
  commit(): number {
    const arrived = this.#arrived;
    if (arrived.length === 0) return 0;
    this.#arrived = [];
    this.#arrivedBytes = 0;
    const staged = arrived.filter(({ isPassing }) => !isPassing);
    const errno = this.#stage(staged);
    if (staged.length > 0) this.#fault = errno === 0 ? null : errnoName(errno);
    for (const set of arrived) this.#sortIn(set);
    if (errno === 0) return this.#releaseHeld();
    this.#giveUpHeld();
    return 0;
  }

  /** 0, or the negative errno: then the sets are applied without it. */
  #stage(sets: readonly PlannedSet[]): number {
    const { stage, epoch } = this.#options;
    if (sets.length === 0) return 0;
    if (this.#held.length === 0) stage.turn();
    const own = epoch();
    const places = stage.put(sets.map(({ seq, afterSeq, ending, loaded }) => ({ seq, afterSeq, ending, epoch: own, bytes: loaded?.frame ?? NOTHING })));
    if (typeof places === "number") return places;
    for (const [index, set] of sets.entries()) set.place = places[index] ?? null;
    return sets.some(({ ending }) => ending !== "none") ? stage.sync() : 0;
  }

  #sortIn(set: PlannedSet): void {
    if (set.isPassing) {
      this.ready.push(set);
      return;
    }
    if (set.loaded === null) {
      const last = this.#held.at(-1);
      if (last !== undefined) last.ending = set.ending;
    } else {
      this.#held.push(set);
    }
    if (set.ending === "none") return;
    this.ready.push(...this.#held);
    this.#held = [];
  }

  #releaseHeld(): number {
    let bytes = 0;
    for (const set of this.#held) {
      bytes += set.bytes;
      set.bytes = 0;
      if (set.loaded !== null) discardBuffer(set.loaded.frame);
      set.loaded = null;
    }
    return bytes;
  }

  /** The stage cannot be written: what is held is applied as it comes. */
  #giveUpHeld(): void {
    const last = this.#held.at(-1);
    if (last === undefined) return;
    last.ending = "failed";
    this.ready.push(...this.#held);
    this.#held = [];
    this.#endGroup();
  }
}

/** Of each only its place is kept in memory; that is bounded, too. */
const SETS_HELD_MAX = 100_000;
const NOTHING = new Uint8Array(0);

function endingOf({ closed, forced, mirror }: ChangeSet): SetEnding {
  if (mirror) return "none";
  return closed ? "closed" : forced === true ? "forced" : "none";
}
