// How far a mirror has come, so that one that is cut short need not send, or read, everything again (see walk-order). Up to there
// it goes on as a difference mirror by size and time does, which finds what became of it since.
// Where everything is sent it moves with each entry, otherwise with each directory, once all answers about it are in.

import { type Clock, systemClock } from "../base/clock.js";
import { type BytePath, isBelow } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { MirrorEntry, ShippedRename } from "../model/mirror-port.js";
import type { MirrorPlace, MirrorPointer } from "../model/mirror-wish.js";
import type { DirectoryWork } from "./directory-work.js";
import { follow } from "./follow-renames.js";
import type { MirrorJobOptions } from "./mirror-job-options.js";
import { isAllBehind, isEntryBehind, isFurther, orderOf, type WalkPosition } from "./walk-order.js";

/** So often what is on its way is waited for, where it takes answers to know that a directory is done. */
const DRAIN_EVERY_MS = 10_000;
/** Beyond it nothing is told to be done until all that was renamed is gone through. */
const EXCEPT_MAX = 1000;

type Order = Pick<MirrorJobOptions, "mode" | "content" | "places" | "doneThrough" | "suspect" | "clock"> & {
  readonly tree: Pick<MirrorJobOptions["tree"], "renamePosition" | "renamesSince" | "stampOf">;
};

/** The entries of a directory: those done before, the one that this may have been in the middle of, the others. */
export interface Divided {
  readonly name: string;
  readonly done: readonly MirrorEntry[];
  readonly at: readonly MirrorEntry[];
  readonly ahead: readonly MirrorEntry[];
}

export class WalkPointer {
  readonly #order: Order;
  readonly #clock: Clock;
  /** What an earlier part of this mirror did. */
  #behind: MirrorPointer | null;
  /** The directory begun last. */
  #last: MirrorPlace | null = null;
  #movedMs: number;
  #position: WalkPosition | null;
  #except: readonly MirrorPlace[];
  #renamesSeen: number;

  constructor(order: Order) {
    this.#order = order;
    this.#clock = order.clock ?? systemClock;
    this.#movedMs = this.#clock.monotonicMs();
    this.#behind = this.#isWanted ? order.doneThrough : null;
    this.#position = this.#behind;
    this.#except = this.#behind?.except ?? [];
    this.#renamesSeen = order.tree.renamePosition;
  }

  /** Without it more would be sent, or read. */
  get #isWanted(): boolean {
    const { mode, content, places } = this.#order;
    return places === null && (mode === "full" || (mode === "difference" && content === "checksum-all"));
  }

  /** What came to lie before the pointer and is to be gone through first. */
  get exceptions(): readonly MirrorPlace[] {
    return this.#behind?.except ?? [];
  }

  /** Undefined = of this mirror no pointer is kept. Null = nothing is known to be done. */
  get now(): MirrorPointer | null | undefined {
    if (!this.#isWanted) return undefined;
    this.#followRenames();
    return this.#position === null || this.#except.length > EXCEPT_MAX ? null : { ...this.#position, except: this.#except };
  }

  /** Everything in the directory is sent, and nothing compared; but see `divide`. */
  isFull(work: DirectoryWork): boolean {
    return this.#order.mode === "full" && !this.#isBehind(work) && work.again?.isCertain !== false;
  }

  /** The contents of all that is in the directory are compared. */
  comparesAll(work: DirectoryWork): boolean {
    return this.#order.content === "checksum-all" && this.#order.mode !== "full" && !this.#isBehind(work);
  }

  #isBehind(work: DirectoryWork): boolean {
    const behind = this.#behind;
    if (behind === null || work.isWalk !== true || work.isMoved === true) return false;
    const order = orderOf(work, behind);
    return order < 0 || (order === 0 && behind.name === null);
  }

  /** The directory in the middle of which the earlier part ended, where everything is sent. */
  isAt(work: DirectoryWork): boolean {
    const behind = this.#behind;
    const isMeant = behind !== null && behind.name !== null && work.isWalk === true && work.isMoved !== true;
    return isMeant && this.#order.mode === "full" && orderOf(work, behind) === 0;
  }

  /** Where everything is sent: the directory in the middle of which the earlier part ended. Null = it is another. */
  divide(work: DirectoryWork, entries: readonly MirrorEntry[]): Divided | null {
    const name = this.#behind?.name ?? null;
    if (name === null || !this.isAt(work)) return null;
    const [done, at, ahead] = [
      entries.filter((entry) => entry.name < name),
      entries.filter((entry) => entry.name === name),
      entries.filter((entry) => entry.name > name),
    ];
    return { name, done, at, ahead };
  }

  /**
   * A directory that is done may be another one by now: of its times a rename changes the one that nobody can set, and not the other.
   * What is in it is as good as never done.
   */
  wasMoved({ root, isWalk, isMoved }: DirectoryWork, path: BytePath): boolean {
    if (isMoved === true) return true;
    const { suspect, tree } = this.#order;
    if (this.#behind === null || isWalk !== true || typeof suspect === "string" || !isEntryBehind(this.#behind, { root, path })) return false;
    const stamp = tree.stampOf(root, path);
    if (stamp === null) return false;
    const { changedSinceMs } = suspect;
    return stamp.ctimeSec * 1000 + stamp.ctimeNsec / 1e6 >= changedSinceMs && stamp.mtimeSec * 1000 + stamp.mtimeNsec / 1e6 < changedSinceMs;
  }

  /** The walk has listed what the entry lies in. */
  hasPassed(root: RootIndex, path: BytePath): boolean {
    return this.#last !== null && isEntryBehind({ ...this.#last, name: null }, { root, path });
  }

  get wantsDrain(): boolean {
    return this.#isWanted && this.#order.mode !== "full" && this.#clock.monotonicMs() - this.#movedMs >= DRAIN_EVERY_MS;
  }

  /** The next directory is begun. `isDrained`: nothing is on its way; `isSettled`: all before it is done. */
  begin({ isWalk, root, path }: DirectoryWork, { isDrained, isSettled }: { readonly isDrained: boolean; readonly isSettled: boolean }): void {
    if (isWalk !== true) return;
    this.#followRenames();
    if (isDrained) this.#movedMs = this.#clock.monotonicMs();
    if (isSettled) {
      // What was renamed before was gone through before: it was put in front of this one.
      this.#except = [];
      if (this.#last !== null) this.#move({ ...this.#last, name: null });
    }
    this.#last = { root, path };
  }

  /** An entry that the walk came to is sent, as everything is. */
  sending(root: RootIndex, directory: BytePath, name: string): void {
    this.#move({ root, path: directory, name });
  }

  #move(to: WalkPosition): void {
    if (this.#position === null || isFurther(to, this.#position)) this.#position = to;
  }

  /** Everything is gone through from its beginning: nobody knows any more where what was renamed is. */
  restart(): void {
    this.#behind = null;
    this.#last = null;
    this.#position = null;
    this.#except = [];
    this.#renamesSeen = this.#order.tree.renamePosition;
  }

  #followRenames(): void {
    const { tree } = this.#order;
    const renames = tree.renamesSince(this.#renamesSeen);
    this.#renamesSeen = tree.renamePosition;
    if (renames === null) this.restart();
    else for (const rename of renames) this.#followRename(rename);
  }

  #followRename(rename: ShippedRename): void {
    const position = this.#position;
    if (position === null || this.#except.length > EXCEPT_MAX) return;
    const { root, path, to } = rename;
    const isOpen = this.#except.some((place) => place.root === root && isBelow(path, place.path));
    this.#except = this.#except.map((place) => (place.root === root ? { root, path: follow(root, place.path, [rename]) } : place));
    const isUndone = !isAllBehind(position, { root, path });
    if ((isUndone || isOpen) && isEntryBehind(position, { root, path: to }) && !this.#except.some((place) => place.root === root && place.path === to))
      this.#except = [...this.#except, { root, path: to }];
  }
}
