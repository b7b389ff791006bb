// Tiers 1 to 3 of the capture sources: one fanotify mark per file system reports what happens to every file on it, whatever
// the size of the tree. Events are read without blocking in the thread that takes the facts, so that this thread can know at
// any moment of all that happened before (`drain`); a poll thread only says when there is something to read.
// Invariants: a mark comes before the scan and the walks of what it covers; what may have been missed is said as "lost".

import { realpathSync } from "node:fs";
import { SmError } from "../base/errors.js";
import { defer } from "../base/wait.js";
import { errnoName } from "../fs/errno.js";
import { MOUNT_TABLE_PATH } from "../fs/mount-table.js";
import { AT_FDCWD, closeFd, O_CLOEXEC, O_RDONLY, openAt } from "../fs/native.js";
import { bytesFromText, ROOT_PATH } from "../model/byte-path.js";
import type { CaptureCoverage, CaptureFact, CaptureScope, CaptureSource } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";
import type { DirectoryNode } from "./directory-index.js";
import { EventFeeds } from "./event-feeds.js";
import { coverageOf } from "./fanotify-coverage.js";
import { FanotifyHints } from "./fanotify-hints.js";
import { FanotifyRouter } from "./fanotify-router.js";
import { FeedBoard } from "./feed-board.js";
import { MarkedMounts } from "./marked-mounts.js";
import type { MountedTree } from "./mounted-tree.js";
import { type PollMessage, PollThread } from "./poll-thread.js";

export interface FanotifyOptions {
  readonly scope: CaptureScope;
  /** Seconds between walks over file systems below a root that cannot be marked. */
  readonly walkSeconds: number;
  /** The built poll-worker.js. */
  readonly pollWorker: URL;
  /** Whose marks are shared. Default: nobody's. */
  readonly board?: FeedBoard;
  /** False: the kernel's queue is bounded by fs.fanotify.max_queued_events, which overflows, instead of by us. */
  readonly isQueueUnlimited?: boolean;
}

/** Events come in flocks: after a batch so recent, the next is let gather for a moment, which costs a third of the CPU. */
const CALM_MS = 5;
const GATHER_MS = 2;
/** After so many batches of which nothing was the set's, others use its file system: they are let gather for longer, and cost less. */
const FOREIGN_BATCHES = 8;
const FOREIGN_GATHER_MS = 10;
/** Before the event loop gets a turn. */
const READS_PER_TURN = 8;
/** Who writes faster than that is read is not waited for. */
const READS_PER_DRAIN = 4096;
const WATCH_MS = 1000;
/** Behind for so long, the queue is counted. */
const BEHIND_MS = 2000;
/** Events let wait in the kernel, at some 220 bytes each; beyond it they are thrown away unread, and all is compared. */
const QUEUED_EVENTS_MAX = 1_000_000;
/** Mounts come in groups, too. */
const MOUNTS_SETTLE_MS = 50;
const NAMELESS_WALK_MS = 60_000;
const RETRY_MS = 1000;

export class FanotifySource implements CaptureSource {
  readonly #options: FanotifyOptions;
  readonly #feeds: EventFeeds;
  readonly #mountFd: number;
  readonly #mounts: MarkedMounts;
  readonly #hints = new FanotifyHints();
  readonly #router: FanotifyRouter;
  /** Trees being read into their index, one after another, some directories at a time. */
  #scans: { readonly tree: MountedTree; readonly steps: Generator<void> }[] = [];
  #isScanning = false;
  readonly #whenScanned = defer<void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #namelessWalks = new Set<RootIndex>();
  #poller: PollThread | null = null;
  #listener: () => void = () => undefined;
  #closed: Promise<void> | null = null;
  #lastReadMs = Number.NEGATIVE_INFINITY;
  #foreignBatches = 0;
  #behindSinceMs: number | null = null;
  #isRefreshing = false;
  #mountsMoved = false;
  #moves = 0;
  #queued = 0;
  #losses = 0;
  #eventsPerSecond = 0;
  #eventsBefore = 0;

  private constructor(options: FanotifyOptions, mountFd: number, paths: readonly string[]) {
    this.#options = options;
    this.#mountFd = mountFd;
    this.#feeds = EventFeeds.open({
      board: options.board ?? new FeedBoard(),
      isUnlimited: options.isQueueUnlimited ?? true,
      take: (event) => this.#router.take(event),
      onLost: (reason) => this.#startAnew(reason),
    });
    this.#mounts = new MarkedMounts({ feeds: this.#feeds, scope: options.scope, paths });
    this.#router = new FanotifyRouter({
      hints: this.#hints,
      onOverflow: () => this.#startAnew("the kernel's event queue overflowed"),
      onNameless: (root) => this.#walkLater(root),
      onCameIn: (tree, directory) => {
        this.#scan(tree, directory);
        this.#mountsMoved = true;
      },
    });
  }

  /** UNSUPPORTED, with the reason, when fanotify cannot be had or the file system of a root cannot be marked. */
  static async open(options: FanotifyOptions): Promise<FanotifySource> {
    const paths = options.scope.roots.map(({ path }) => bytesFromText(realpathSync(path)));
    const mountFd = openAt(AT_FDCWD, MOUNT_TABLE_PATH, O_RDONLY | O_CLOEXEC);
    const source = new FanotifySource(options, mountFd, paths);
    try {
      if (mountFd < 0) throw new SmError("UNSUPPORTED", `${MOUNT_TABLE_PATH} cannot be read: ${errnoName(mountFd)}`);
      source.#markFirst();
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  #markFirst(): void {
    this.#mounts.refresh();
    this.#router.trees = this.#mounts.trees;
    const refused = this.#mounts.unmarked.find(({ prefix }) => prefix === ROOT_PATH);
    if (refused !== undefined) throw new SmError("UNSUPPORTED", refused.reason, { data: { path: refused.path, fsType: refused.fsType } });
  }

  /** The marks stand since `open`; what happens during the scan waits and is worked on between its steps. */
  async arm(): Promise<void> {
    this.#startPolling();
    this.#every(WATCH_MS, () => this.#watch());
    if (this.#options.walkSeconds > 0) this.#every(this.#options.walkSeconds * 1000, () => this.#walkUnmarked());
    for (const tree of this.#router.trees) this.#scan(tree, tree.index.top);
    if (this.#isScanning) await this.#whenScanned.promise;
  }

  #startPolling(): void {
    if (this.#closed !== null) return;
    this.#poller = PollThread.open({
      worker: this.#options.pollWorker,
      eventFd: this.#feeds.pollFd,
      mountFd: this.#mountFd,
      onMessage: (message) => this.#takeMessage(message),
      onDeath: () => {
        this.#poller = null;
        this.#after(RETRY_MS, () => this.#startPolling());
      },
    });
  }

  #takeMessage(message: PollMessage): void {
    switch (message) {
      case "events":
        if (performance.now() - this.#lastReadMs > CALM_MS) this.#readTurn();
        else this.#after(this.#foreignBatches < FOREIGN_BATCHES ? GATHER_MS : FOREIGN_GATHER_MS, () => this.#readTurn());
        break;
      case "mounts":
        if (this.#isRefreshing) break;
        this.#isRefreshing = true;
        this.#after(MOUNTS_SETTLE_MS, () => this.#refreshMounts());
        break;
    }
  }

  #readTurn(): void {
    if (this.#closed !== null) return;
    const state = this.#feeds.read(READS_PER_TURN);
    this.#endBatch();
    this.#foreignBatches = this.#hints.isEmpty ? this.#foreignBatches + 1 : 0;
    if (state === "more") {
      this.#behindSinceMs ??= performance.now();
      setImmediate(() => this.#readTurn());
      return;
    }
    this.#behindSinceMs = null;
    if (state === "broken") this.#after(RETRY_MS, () => this.#poller?.pass());
    else this.#poller?.pass();
  }

  /** When it returns, `take` gives facts of everything that happened before the call. */
  drain(): void {
    if (this.#closed !== null) return;
    this.#feeds.read(READS_PER_DRAIN);
    this.#endBatch();
  }

  /** What was mounted is told by another thread, and let gather. */
  hurry(): void {
    if (this.#closed === null) this.#refreshMounts();
  }

  #endBatch(): void {
    this.#router.endBatch();
    this.#followMovedMounts();
    this.#lastReadMs = performance.now();
    this.#tell();
  }

  /** What is mounted below a directory moves with it, and no event of the mount table tells. */
  #followMovedMounts(): void {
    const moves = this.#router.trees.reduce((sum, { index }) => sum + index.state, 0);
    if (moves !== this.#moves && this.#mounts.hasNested) this.#mountsMoved = true;
    this.#moves = moves;
    if (this.#mountsMoved) this.#refreshMounts();
  }

  #tell(): void {
    if (!this.#hints.isEmpty && this.#closed === null) this.#listener();
  }

  #scan(tree: MountedTree, from: DirectoryNode): void {
    // The whole tree anew: what was being read of it is read again.
    if (from === tree.index.top) this.#scans = this.#scans.filter((scan) => scan.tree !== tree);
    this.#scans.push({ tree, steps: tree.scan(from) });
    if (this.#isScanning) return;
    this.#isScanning = true;
    setImmediate(() => this.#stepScan());
  }

  #stepScan(): void {
    const scan = this.#scans[0];
    if (scan === undefined) {
      this.#isScanning = false;
      this.#whenScanned.resolve();
      return;
    }
    if (scan.steps.next().done) this.#scans.splice(this.#scans.indexOf(scan), 1);
    scan.tree.rest();
    setImmediate(() => this.#stepScan());
  }

  /** Events were lost: what is known of directories is of no use, and everything is to be compared. */
  #startAnew(reason: string): void {
    this.#losses += 1;
    for (const { index } of this.#options.scope.roots) this.#hints.lose(index, reason);
    for (const tree of this.#router.trees) {
      tree.index.clear();
      tree.forgetOutside();
      this.#scan(tree, tree.index.top);
    }
  }

  #refreshMounts(): void {
    this.#isRefreshing = false;
    this.#mountsMoved = false;
    const { added, removed, unmarked } = this.#mounts.refresh();
    if (added.length + removed.length + unmarked.length === 0) return;
    this.#router.trees = this.#mounts.trees;
    for (const tree of this.#router.trees) tree.forgetOutside();
    for (const { options } of removed) if (options.prefix !== ROOT_PATH) this.#hints.walk(options.root, options.prefix);
    for (const { root, prefix } of unmarked) this.#hints.walk(root, prefix);
    for (const tree of added) {
      const { root, prefix } = tree.options;
      this.#scan(tree, tree.index.top);
      if (prefix !== ROOT_PATH) this.#hints.walk(root, prefix);
      else this.#hints.lose(root, "the root was mounted anew or is another directory");
    }
    this.#tell();
  }

  /** A file without a name changed: it will be found, but not by a walk for every write to it. */
  #walkLater(root: RootIndex): void {
    if (this.#namelessWalks.has(root)) return;
    this.#namelessWalks.add(root);
    this.#after(NAMELESS_WALK_MS, () => {
      this.#namelessWalks.delete(root);
      this.#hints.walk(root, ROOT_PATH);
      this.#tell();
    });
  }

  #walkUnmarked(): void {
    for (const { root, prefix } of this.#mounts.unmarked) this.#hints.walk(root, prefix);
    this.#tell();
  }

  /** The watch-dog: how fast events come, whether reading keeps up, whether the roots are what they were. */
  #watch(): void {
    this.#eventsPerSecond = Math.round(((this.#feeds.events - this.#eventsBefore) * 1000) / WATCH_MS);
    this.#eventsBefore = this.#feeds.events;
    if (!this.#mounts.areRootsAsSeen) this.#refreshMounts();
    const isBehind = this.#behindSinceMs !== null && performance.now() - this.#behindSinceMs > BEHIND_MS;
    this.#queued = isBehind ? this.#feeds.countWaiting() : 0;
    if (this.#queued <= QUEUED_EVENTS_MAX) return;
    this.#feeds.discard(READS_PER_DRAIN);
    this.#startAnew(`${this.#queued} events waited in the kernel's memory, more than are granted`);
    this.#tell();
  }

  #after(ms: number, work: () => void): void {
    if (this.#closed !== null) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }

  #every(ms: number, work: () => void): void {
    this.#after(ms, () => {
      work();
      this.#every(ms, work);
    });
  }

  take(max: number): CaptureFact[] {
    return this.#closed === null ? this.#hints.take(max) : [];
  }

  onFacts(listener: () => void): void {
    this.#listener = listener;
  }

  coverage(): CaptureCoverage {
    return coverageOf({
      trees: this.#mounts.trees,
      unmarked: this.#mounts.unmarked,
      walkSeconds: this.#options.walkSeconds,
      events: this.#feeds.events,
      eventsPerSecond: this.#eventsPerSecond,
      queued: this.#queued,
      losses: this.#losses,
      sharers: this.#feeds.sharers,
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#scans = [];
    await this.#poller?.close();
    if (this.#mountFd >= 0) closeFd(this.#mountFd);
    this.#feeds.close();
  }
}
