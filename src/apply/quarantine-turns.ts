// When a path of the quarantine has its turn: the source is asked to look at it again and to ship what it finds. Asked
// soon after a refusal, then less and less often, and from time to time once it is given up. Only between change sets, so that
// path and sequence number belong together.

import { accessSync, constants as fileAccess } from "node:fs";
import { constants } from "node:os";
import { SmError } from "../base/errors.js";
import { procPath } from "../fs/confined-root.js";
import { closeFd, O_NOFOLLOW, O_PATH, openBeneath, statAt } from "../fs/native.js";
import { parentPath } from "../model/byte-path.js";
import type { Mended, QuarantineNews } from "../model/session.js";
import { typeOf } from "./attributes.js";
import type { HeldPath, Quarantine, QuarantineTiming } from "./quarantine.js";
import { newsOf } from "./quarantine-news.js";
import type { TargetRoots } from "./target-roots.js";

/** What of the engine the turns need. */
export interface QuarantinedEngine {
  readonly quarantine: Quarantine;
  readonly roots: TargetRoots;
  readonly appliedSeq: number;
  readonly isMidSet: boolean;
}

export interface QuarantineTurnsOptions {
  readonly engine: QuarantinedEngine;
  readonly timing: QuarantineTiming;
  /** How long a path is tried before it counts as given up; null = for ever. */
  readonly limitMs: number | null;
  readonly post: (news: QuarantineNews) => void;
  /** Runs the work when the worker has nothing else to do; failures end the session. */
  readonly guarded: (work: () => void) => void;
}

const ASKS_MAX = 200;
const MID_SET_MS = 200;
const TIMER_MS_MAX = 60_000;

export class QuarantineTurns {
  readonly #options: QuarantineTurnsOptions;
  readonly #quarantine: Quarantine;
  #isStreaming = false;
  #isClosed = false;
  #toldVersion = -1;
  #toldGivenUp = 0;
  #asks: QuarantineNews["asks"] = [];
  #mended: Mended | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: QuarantineTurnsOptions) {
    this.#options = options;
    this.#quarantine = options.engine.quarantine;
  }

  /** A source is there (or not): everything is told and asked of it anew. */
  begin(isStreaming: boolean): void {
    this.#isStreaming = isStreaming;
    this.#asks = [];
    this.#mended = null;
    this.#quarantine.forgetAsks();
    this.look();
  }

  /** The source has cared for what it was asked: what it sent for that must be applied first. */
  takeMended(mended: Mended): void {
    this.#mended = mended;
    this.look();
  }

  /** Tried again now; no ids = all. */
  retry(ids: readonly number[] | null): void {
    for (const entry of this.#chosen(ids)) if (!entry.isDropped && entry.ask === 0) this.#quarantine.hurry(entry);
    this.look();
  }

  drop(ids: readonly number[] | null): void {
    this.#quarantine.drop(this.#chosen(ids));
    this.look();
  }

  #chosen(ids: readonly number[] | null): readonly HeldPath[] {
    return this.#quarantine.all.filter(({ id }) => ids === null || ids.includes(id));
  }

  /** After anything that may have changed it, and before the progress that goes with it is told. */
  look(): void {
    if (this.#isClosed || (this.#quarantine.size === 0 && this.#toldVersion === this.#quarantine.version)) return;
    this.#settle();
    if (this.#isStreaming && !this.#options.engine.isMidSet) this.#askDue(Date.now());
    this.#quarantine.flush();
    this.#tell(Date.now());
    this.#schedule();
  }

  #settle(): void {
    if (this.#mended === null || this.#options.engine.appliedSeq < this.#mended.seq) return;
    this.#quarantine.mended(this.#mended.ask);
    this.#mended = null;
  }

  #askDue(nowMs: number): void {
    const due = this.#quarantine.all.filter(({ ask, isDropped, nextMs }) => ask === 0 && !isDropped && nextMs <= nowMs).slice(0, ASKS_MAX);
    const ready: HeldPath[] = [];
    for (const entry of due) {
      if (entry.isHurried || !this.#stillRefuses(entry)) ready.push(entry);
      else this.#quarantine.putOff(entry, nowMs, this.#options.timing);
    }
    if (ready.length === 0) return;
    this.#quarantine.ask(ready);
    const { appliedSeq: seq } = this.#options.engine;
    this.#asks = ready.filter(({ isWide }) => !isWide).map(({ root, path }) => ({ root, path, seq }));
  }

  /** An immutable inode shows without sending it anything: a large file is not compared in vain. */
  #stillRefuses({ root, path, at }: HeldPath): boolean {
    const { roots } = this.#options.engine;
    try {
      roots.openAll([root]);
      const { fd } = roots.get(root);
      return [path, at, parentPath(path), parentPath(at)].some((place) => isImmutable(fd, place));
    } catch (error) {
      // The mapped directory is not there: the next change set says so.
      if (error instanceof SmError) return true;
      throw error;
    } finally {
      roots.close();
    }
  }

  #tell(nowMs: number): void {
    const news = this.#newsAt(nowMs);
    if (this.#toldVersion === this.#quarantine.version && news.givenUp === this.#toldGivenUp) return;
    this.#toldVersion = this.#quarantine.version;
    this.#toldGivenUp = news.givenUp;
    this.#asks = [];
    this.#options.post(news);
  }

  #newsAt(nowMs: number): QuarantineNews {
    return { ...newsOf(this.#quarantine, this.#options.limitMs, nowMs), asks: this.#asks };
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { limitMs, guarded, engine } = this.#options;
    const nowMs = Date.now();
    const times = this.#quarantine.all.flatMap(({ ask, isDropped, nextMs, sinceMs }) => [
      ...(ask === 0 && !isDropped && this.#isStreaming ? [nextMs] : []),
      ...(limitMs !== null && sinceMs + limitMs > nowMs ? [sinceMs + limitMs] : []),
    ]);
    if (times.length === 0) return;
    const leastMs = engine.isMidSet ? MID_SET_MS : 1;
    const waitMs = Math.max(leastMs, Math.min(TIMER_MS_MAX, Math.min(...times) - nowMs));
    this.#timer = setTimeout(() => guarded(() => this.look()), waitMs);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}

function isImmutable(rootFd: number, path: HeldPath["path"]): boolean {
  const fd = openBeneath(rootFd, path, O_PATH | O_NOFOLLOW);
  if (fd < 0) return false;
  try {
    const stat = statAt(fd, "");
    if (typeof stat === "number" || (typeOf(stat) !== "file" && typeOf(stat) !== "dir")) return false;
    accessSync(procPath(fd), fileAccess.W_OK);
    return false;
  } catch (error) {
    return error instanceof Error && "errno" in error && Math.abs(Number(error.errno)) === constants.errno.EPERM;
  } finally {
    closeFd(fd);
  }
}
