// What becomes of a change that the target cannot carry out now. Most reasons concern a whole volume (full, read-only):
// everything waits, for ever. Some are those of one inode (immutable, no permission, busy): its path is held in the
// quarantine, and everything else goes on.

import { unreachable } from "../base/assert.js";
import type { Clock } from "../base/clock.js";
import { errnoName } from "../fs/errno.js";
import { closeFd, O_NOFOLLOW, O_PATH, openBeneath, statAt } from "../fs/native.js";
import { type BytePath, parentPath, ROOT_PATH } from "../model/byte-path.js";
import type { Change, RootIndex } from "../model/change.js";
import { type ApplyContext, type ExtrasRefused, parentOf } from "./apply-context.js";
import { typeOf } from "./attributes.js";
import type { HeldPath, Quarantine, QuarantineTiming, Refused } from "./quarantine.js";
import type { Failure } from "./verdict.js";

export type Retry = Extract<Failure, { kind: "retry" }>;

type Stale = Extract<Failure, { kind: "stale" }>;

export interface RefusalsOptions {
  readonly quarantine: Quarantine;
  /** Names of the errors that hold up one path only. */
  readonly codes: readonly string[];
  readonly timing: QuarantineTiming;
  readonly clock: Clock;
  readonly context: () => ApplyContext;
}

export class Refusals implements ExtrasRefused {
  readonly #options: RefusalsOptions;
  readonly #codes: ReadonlySet<string>;

  constructor(options: RefusalsOptions) {
    this.#options = options;
    this.#codes = new Set(options.codes);
  }

  get #quarantine(): Quarantine {
    return this.#options.quarantine;
  }

  /** Takes a refused change out of the way; false = everything must wait for it. */
  take(change: Change, failure: Retry): boolean {
    if (!this.#codes.has(errnoName(failure.errno))) return false;
    const context = this.#options.context();
    const { root, path } = change;
    switch (change.op) {
      case "file":
        // The pieces behind this one may not complete the file without it.
        context.transfers.end(change);
        this.#hold(root, path, failure);
        return true;
      case "rename":
        this.#hold(root, path, failure);
        this.#hold(root, change.to, failure);
        return true;
      case "attr":
      case "dir":
      case "symlink":
      case "special":
      case "remove":
        this.#hold(root, path, failure);
        return true;
      case "link":
        this.#hold(root, path, failure, true);
        return true;
      case "compare":
        // The source waits for the answer. What was to be compared is not known to be equal: that takes a mirror.
        this.#hold(root, path, failure, true);
        context.answer({ kind: "compare", seq: context.seq, root, path, differs: [], extras: [], removed: 0 });
        return true;
      case "sums":
        // As if it were not there: then all of it is sent, and refused or not.
        context.answer({ kind: "sums", seq: context.seq, root, path, base: null, sums: Buffer.alloc(0) });
        return true;
      case "orphans":
        // Each name answers for itself: nothing is left to wait for.
        return false;
      case "task":
      case "index":
      case "rebuild":
        // What is in their way makes them stale, and the file is sent in another way.
        return false;
      default:
        return unreachable(change);
    }
  }

  /** Takes what the source lacks and the target cannot remove out of the way; false = everything must wait for it. */
  takeExtra(root: RootIndex, path: BytePath, failure: Retry): boolean {
    if (!this.#codes.has(errnoName(failure.errno))) return false;
    this.#hold(root, path, failure);
    return true;
  }

  /**
   * What does not fit because of a path that is held is no news: the source would compare and send, and be refused, without end. It is
   * compared when the path has its turn, or held itself.
   */
  absorbs(change: Change, failure: Failure): boolean {
    if (failure.kind !== "stale" || this.#quarantine.size === 0) return false;
    const { root, path } = change;
    switch (change.op) {
      case "rebuild":
        return this.#absorbsContent(root, path) || this.#isCutOff(root, path, true);
      case "file":
        return this.#absorbsContent(root, path) || this.#isCutOff(root, path, change.start === "patch");
      case "attr":
        return this.#absorbsContent(root, path) || this.#isCutOff(root, path, true);
      case "rename":
        return this.#absorbsRename(root, [path, change.to], failure);
      case "link":
        if (this.#isCutOff(root, path, true)) return true;
        if (!this.#isWaiting(this.#entryAbove(root, change.to))) return false;
        this.#holdUnfit(root, path, failure, true);
        return true;
      default:
        return this.#isCutOff(root, path, false);
    }
  }

  #absorbsContent(root: RootIndex, path: BytePath): boolean {
    if (!this.#isWaiting(this.#quarantine.at(root, path))) return false;
    if (isLinked(this.#options.context(), root, path)) this.#quarantine.widen(root, path);
    return true;
  }

  /** What was not moved is still there under a name that the source has no more. */
  #absorbsRename(root: RootIndex, paths: readonly BytePath[], failure: Stale): boolean {
    const left = paths.filter((path) => !this.#isCutOff(root, path, true));
    if (left.length === paths.length) return false;
    for (const path of left) this.#holdUnfit(root, path, failure);
    return true;
  }

  /**
   * It lies below a path that is held, and has no directory to be in: with that, all of it is sent. `isOfInode`: what is lost concerns an
   * inode that may have names elsewhere.
   */
  #isCutOff(root: RootIndex, path: BytePath, isOfInode: boolean): boolean {
    const entry = path === ROOT_PATH ? undefined : this.#entryAbove(root, parentPath(path));
    if (entry === undefined || !this.#isWaiting(entry)) return false;
    if (typeof parentOf(this.#options.context(), root, path) !== "number") return false;
    if (isOfInode) this.#quarantine.widen(root, entry.path);
    return true;
  }

  /** The nearest path held at this one or above it. */
  #entryAbove(root: RootIndex, path: BytePath): HeldPath | undefined {
    for (let at = path; at !== ROOT_PATH; at = parentPath(at)) {
      const entry = this.#quarantine.at(root, at);
      if (entry !== undefined) return entry;
    }
    return this.#quarantine.at(root, ROOT_PATH);
  }

  #isWaiting(entry: HeldPath | undefined): boolean {
    return entry !== undefined && entry.ask === 0 && !entry.isDropped;
  }

  /** A change was carried out: what is held moves with its directory, and a path where something went through is tried soon. */
  applied(change: Change): void {
    if (this.#quarantine.size === 0) return;
    const { root, path } = change;
    switch (change.op) {
      case "file":
        if (change.start === "patch") this.#quarantine.wentThrough(root, path);
        else this.#quarantine.replaced(root, path);
        return;
      case "attr":
      case "dir":
        this.#quarantine.wentThrough(root, path);
        return;
      case "symlink":
      case "special":
      case "remove":
        this.#quarantine.replaced(root, path);
        return;
      case "link":
        this.#quarantine.replaced(root, path);
        this.#quarantine.widen(root, change.to);
        return;
      case "rename":
        this.#quarantine.moved(root, path, change.to);
        return;
      case "rebuild":
        if (change.end !== null) this.#quarantine.replaced(root, path);
        return;
      case "compare":
      case "sums":
      case "orphans":
      case "index":
      case "task":
        return;
      default:
        unreachable(change);
    }
  }

  /** An extra entry was removed. */
  removed(root: RootIndex, path: BytePath): void {
    if (this.#quarantine.size > 0) this.#quarantine.replaced(root, path);
  }

  /** Names of one inode answer for each other: which of them lack what was refused, only a comparison of everything tells. */
  #hold(root: RootIndex, path: BytePath, failure: Retry, takesMirror = false): void {
    const { path: at, errno, message } = failure;
    const isWide = takesMirror || isLinked(this.#options.context(), root, path);
    this.#holdAs({ root, path, at, code: errnoName(errno), message, isWide });
  }

  #holdUnfit(root: RootIndex, path: BytePath, { reason }: Stale, takesMirror = false): void {
    const isWide = takesMirror || isLinked(this.#options.context(), root, path);
    this.#holdAs({ root, path, at: path, code: "STALE", message: reason, isWide });
  }

  #holdAs(refused: Refused): void {
    const { clock, timing } = this.#options;
    this.#quarantine.hold(refused, clock.nowMs(), timing);
  }
}

/** It is a name of an inode with further names. */
function isLinked(context: ApplyContext, root: RootIndex, path: BytePath): boolean {
  const fd = openBeneath(context.roots.get(root).fd, path, O_PATH | O_NOFOLLOW);
  if (fd < 0) return false;
  const stat = statAt(fd, "");
  closeFd(fd);
  return typeof stat !== "number" && typeOf(stat) !== "dir" && stat.nlink > 1;
}
