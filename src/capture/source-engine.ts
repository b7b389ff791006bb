// The source's half of replication for one set, in one worker thread: looks where facts point, ships differences, and
// runs jobs in between. One loop does one thing at a time, so the order of reading is the order of sequence numbers.

import { MiB } from "../base/units.js";
import { type Deferred, defer, delay } from "../base/wait.js";
import type { RootIdentity } from "../fs/root-identity.js";
import { type BytePath, ROOT_PATH } from "../model/byte-path.js";
import type { CaptureFact } from "../model/capture-port.js";
import type { Change, RootIndex } from "../model/change.js";
import { Audit } from "./audit.js";
import { Credits } from "./credits.js";
import { Doubts } from "./doubts.js";
import { FactInbox } from "./fact-inbox.js";
import { JobSlice } from "./job-slice.js";
import { LiveChanges } from "./live-changes.js";
import type { Inode, Node } from "./node-table.js";
import { scanTree } from "./observation.js";
import { type Membership, RootTree } from "./root-tree.js";
import { type OutgoingSet, SetWriter } from "./set-writer.js";
import { SignatureCache } from "./signature-cache.js";
import { Timetable } from "./timetable.js";
import { TreeWalk } from "./tree-walk.js";

export interface EngineRoot {
  readonly path: string;
  /** What must be at the path. */
  readonly identity: RootIdentity;
  readonly membership: Membership;
}

export interface EngineOptions {
  readonly roots: readonly EngineRoot[];
  readonly lastSeq: number;
  readonly signatureBytesMax: number;
  readonly windowBytes: number;
  /** Seconds between walks that catch what events do not tell; 0 = none. */
  readonly walkSeconds: number;
  /** Seconds between audits of a source that tells everything; 0 = none. */
  readonly auditSeconds: number;
  readonly emit: (set: OutgoingSet) => void;
  readonly onProblem: (root: RootIndex, path: BytePath, code: string, message: string) => void;
  /** Every receiver must be asked for the blocks of this file. */
  readonly onAskReceivers: (root: RootIndex, inode: Inode) => void;
  /** An audit found changes that no event had told of; they are shipped. */
  readonly onMissed: (root: RootIndex, paths: readonly BytePath[]) => void;
}

/** Work that yields to live changes: a mirror, a repair. */
export interface BackgroundJob {
  readonly connectionId: number;
  readonly hasWork: boolean;
  step(): Promise<unknown>;
}

const COALESCE_MS = 4;
/** Changes that never pause do not keep walks and mirrors waiting longer than this for their next step. */
const BACKGROUND_WAITS_MS = 10;
/** Directories that keep moving may not hold a barrier up for ever: what moves now is newer than the barrier. */
const BARRIER_ROUNDS_MAX = 100;
/** What a walk did not find is walked after this time. */
const LEFT_MS = 10_000;
/** Between looks for a moment of rest. */
const REST_LOOK_MS = 2;
/** Work that never waits for anything lets commands, answers and events in so often. */
const TURN_EVERY_MS = 20;
const LIVE_OUTSTANDING_BYTES_MAX = 32 * MiB;

export class SourceEngine {
  readonly trees: readonly RootTree[];
  readonly writer: SetWriter;
  readonly signatures: SignatureCache;
  readonly credits: Credits;
  readonly inbox = new FactInbox();
  readonly jobs: BackgroundJob[] = [];
  readonly doubts: Doubts;
  readonly live: LiveChanges;
  readonly audit: Audit;
  readonly #options: EngineOptions;
  readonly #timetable = new Timetable();
  readonly #walks: TreeWalk[] = [];
  readonly #soon: (() => Promise<void>)[] = [];
  readonly #turns: Deferred<void>[] = [];
  /** Called between passes: no work is under way. */
  onPause: () => void = () => undefined;
  /** Directories that a walk did not find, and that are to be walked. */
  #left = 0;
  #wake: () => void = () => undefined;
  #isWoken = false;
  #lastPassMs = 0;
  #lastBackgroundMs = 0;
  #lastTurnMs = 0;
  #lastJob: BackgroundJob | null = null;
  #wasAudit = false;

  private constructor(options: EngineOptions) {
    this.#options = options;
    this.credits = new Credits(LIVE_OUTSTANDING_BYTES_MAX, options.windowBytes);
    this.writer = new SetWriter(
      options.lastSeq,
      (set) => {
        this.credits.spend(set.connectionId, set.seq, set.bytes.length);
        options.emit(set);
      },
      (change) => this.trees[change.root]?.sayTooLong(change.path),
    );
    this.signatures = new SignatureCache(options.signatureBytesMax);
    const { writer, signatures } = this;
    this.trees = options.roots.map((root, index) => RootTree.create({ index, ...root, writer, signatures, onProblem: options.onProblem }));
    this.doubts = new Doubts({
      timetable: this.#timetable,
      inbox: this.inbox,
      whenOpen: (work) => this.#soon.push(work),
      onAskReceivers: options.onAskReceivers,
      onUnread: (tree, inode) => this.live.suspect(tree, inode),
    });
    this.live = new LiveChanges({
      trees: this.trees,
      writer,
      credits: this.credits,
      inbox: this.inbox,
      doubts: this.doubts,
      timetable: this.#timetable,
      withTrees: (work) => this.#withTrees(work),
      startWalk: (tree, from) => this.#startWalk(tree, from),
      onMoved: (tree, directory) => {
        for (const walk of this.#walks) if (walk.tree === tree) walk.noteMoved(directory);
        this.audit.noteMoved(tree, directory);
      },
      whenOpen: (work) => this.#soon.push(work),
    });
    this.audit = new Audit({
      trees: this.trees,
      isWaiting: (tree, path) => {
        const node = tree.table.at(path);
        return this.live.isMissing(tree.index, path) || (node !== undefined && this.live.isWritten(node.inode));
      },
      ship: (tree, missed) => this.live.shipMissed(tree, missed),
      onMissed: options.onMissed,
    });
  }

  /** Takes hold of the roots; ROOT_MISSING or ROOT_CHANGED when one is not there. */
  static create(options: EngineOptions): SourceEngine {
    return new SourceEngine(options);
  }

  get totals(): { files: number; directories: number; bytes: number } {
    const sum = { files: 0, directories: 0, bytes: 0 };
    for (const { table } of this.trees) {
      sum.files += table.files;
      sum.directories += table.directories;
      sum.bytes += table.bytes;
    }
    return sum;
  }

  /** All that had happened before the call was told, where the source tells everything. Between passes only. */
  get isSettled(): boolean {
    if (this.live.hasWork || this.live.unsettled > 0) return false;
    return this.#walks.length === 0 && this.#left === 0 && this.#soon.length === 0 && this.#timetable.isSettled;
  }

  pushFacts(facts: readonly CaptureFact[]): void {
    this.inbox.push(facts);
    this.wake();
  }

  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** First knowledge of the tree: every entry is taken as it is, nothing is shipped (a mirror does that). */
  scan(): void {
    for (const tree of this.trees) {
      tree.begin();
      try {
        scanTree(tree);
      } finally {
        tree.end();
      }
    }
    this.#every(this.#options.walkSeconds, () => this.#walkAll());
    this.#every(this.#options.auditSeconds, () => this.startAudit());
  }

  /** Of a source that tells everything; of others nothing is expected that could have been missed. `isAwaited`: somebody waits for its end. */
  startAudit(isAwaited = false): void {
    if (this.live.isExact && this.live.hasRanges) this.audit.start(isAwaited);
  }

  /** Resolves with a sequence number, made for `connectionId`, that covers everything that was on the source at the call. */
  async barrier(connectionId: number): Promise<number> {
    await this.#cover();
    return this.writer.mark(connectionId);
  }

  /**
   * Puts a change of its own into the order of a connection: behind all that was on the source at the call, at a moment when all that is in
   * front of it is a state that the source had. `isExact` false: what is in doubt may still be compared. Null: there was no such moment in time.
   */
  async insert(
    connectionId: number,
    change: Change,
    { isExact, timeoutMs }: { readonly isExact: boolean; readonly timeoutMs: number },
  ): Promise<number | null> {
    const deadline = performance.now() + timeoutMs;
    await this.#cover();
    for (;;) {
      const seq = isExact && this.live.unsettled > 0 ? null : this.writer.insert(connectionId, change);
      if (seq !== null || performance.now() >= deadline) return seq;
      await delay(REST_LOOK_MS);
      await this.#turn();
    }
  }

  /** All that was on the source at the call is in sets. */
  async #cover(): Promise<void> {
    // Of roots that were mounted anew nobody tells: they are looked at with the first turn.
    this.#soon.push(() => Promise.resolve());
    if (!this.live.isExact) await Promise.all(this.trees.map((tree) => this.#startWalk(tree, tree.table.root)));
    // What waited (moved directories, missing names) may make further names wait: once per level of directories moved into each other.
    for (let round = 0; round < BARRIER_ROUNDS_MAX && (round === 0 || !this.#timetable.isSettled); round++) {
      this.#timetable.makeAllDue();
      // Twice: the first turn may only say where to look.
      for (let turn = 0; turn < 2; turn++) {
        this.live.hurry();
        await this.#turn();
      }
      await Promise.all(this.#walks.map((walk) => walk.ended.promise));
    }
  }

  #startWalk(tree: RootTree, from: Node): Promise<void> {
    const walk = new TreeWalk(tree, from);
    this.#walks.push(walk);
    this.wake();
    return walk.ended.promise;
  }

  /** Resolves when all that is due and all facts of now were worked on. */
  #turn(): Promise<void> {
    const turned = defer<void>();
    this.#turns.push(turned);
    this.wake();
    return turned.promise;
  }

  /** The loop; ends when the signal aborts. ROOT_MISSING or ROOT_CHANGED ends it, too: of a root that comes back nothing is known. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.wake(), { once: true });
    while (!signal.aborted) {
      if (!(await this.#workOnce())) await this.#sleep(Math.min(this.#timetable.untilNextMs(), this.audit.untilDueMs));
      else if (performance.now() - this.#lastTurnMs >= TURN_EVERY_MS) await new Promise((resolve) => setImmediate(resolve));
      else continue;
      this.#lastTurnMs = performance.now();
    }
  }

  async #workOnce(): Promise<boolean> {
    const turns = this.#turns.splice(0);
    let worked = turns.length > 0;
    for (const due of this.#timetable.takeDue()) due();
    for (const work of this.#soon.splice(0)) {
      worked = true;
      await this.#withTrees(work);
    }
    if (this.live.hasWork) {
      worked = true;
      const sinceLast = performance.now() - this.#lastPassMs;
      // While a set waits to be closed, the shorter a pass is the sooner it finds a moment of rest.
      if (sinceLast < COALESCE_MS && this.writer.openBytes === 0) await this.#sleep(COALESCE_MS - sinceLast);
      await this.live.work();
      this.#lastPassMs = performance.now();
    }
    if (worked) this.writer.flush();
    this.onPause();
    for (const turned of turns) turned.resolve();
    if (worked && performance.now() - this.#lastBackgroundMs < BACKGROUND_WAITS_MS) return true;
    const wasBusy = await this.#workInBackground();
    if (!wasBusy) this.writer.flush();
    this.#lastBackgroundMs = performance.now();
    return worked || wasBusy;
  }

  async #workInBackground(): Promise<boolean> {
    const walk = this.#walks[0];
    if (walk !== undefined) {
      await this.#stepWalk(walk);
      return true;
    }
    const isAuditsTurn = this.audit.isAwaited && this.audit.isDue && !this.#wasAudit;
    this.#wasAudit = false;
    if (!isAuditsTurn && (await this.#stepJob())) return true;
    if (!this.audit.isDue) return false;
    this.#wasAudit = true;
    await this.live.work(() => this.#withTrees(() => this.audit.step()));
    return true;
  }

  /** In turn: one that always has work would keep the others from theirs. */
  async #stepJob(): Promise<boolean> {
    const next = this.#lastJob === null ? 0 : this.jobs.indexOf(this.#lastJob) + 1;
    for (const job of [...this.jobs.slice(next), ...this.jobs.slice(0, next)]) {
      if (!job.hasWork || !this.credits.mayMirror(job.connectionId)) continue;
      this.#lastJob = job;
      await this.#runJob(job);
      return true;
    }
    return false;
  }

  async #runJob(job: BackgroundJob): Promise<void> {
    const slice = new JobSlice(() => this.live.hasWork);
    const mayGoOn = (): boolean => job.hasWork && this.jobs.includes(job) && !slice.isOver;
    try {
      await this.#withTrees(async () => {
        do {
          this.writer.pieceBytes = this.credits.pieceBytes(job.connectionId);
          await job.step();
        } while (mayGoOn() && this.credits.mayMirror(job.connectionId));
      });
    } finally {
      const isPaced = Number.isFinite(this.writer.pieceBytes);
      this.writer.pieceBytes = Number.POSITIVE_INFINITY;
      // What a job asked is asked together; of what it sends a set is filled, as long as it goes on.
      const isFilling = !isPaced && this.writer.mayWait && job.hasWork && this.credits.mayMirror(job.connectionId);
      if (!isFilling) this.writer.flush();
    }
  }

  async #withTrees<T>(work: () => Promise<T>): Promise<T> {
    try {
      for (const tree of this.trees) tree.begin();
      return await work();
    } finally {
      for (const tree of this.trees) tree.end();
    }
  }

  async #stepWalk(walk: TreeWalk): Promise<void> {
    await this.live.work(async (cut) => {
      await this.#withTrees(async () => {
        const differences = walk.next();
        if (differences !== null) {
          if (differences.length > 0) await this.live.plan(walk.tree, differences, cut, { holdMissing: true, isUntold: true });
          return;
        }
        this.#walks.splice(this.#walks.indexOf(walk), 1);
        this.#walkLater(walk);
        this.live.refreshRoot(walk.tree);
        walk.ended.resolve();
      });
    });
  }

  #walkLater({ tree, left }: TreeWalk): void {
    for (const node of left) {
      this.#left += 1;
      this.#timetable.add(LEFT_MS, "walk", () => {
        this.#left -= 1;
        if (node.isAttached) void this.#startWalk(tree, node);
      });
    }
  }

  /** A source that tells everything needs none. */
  #walkAll(): void {
    if (this.live.isExact && this.live.hasRanges) return;
    this.inbox.push(this.trees.map((tree) => ({ kind: "directory", root: tree.index, path: ROOT_PATH, recursive: true })));
  }

  #every(seconds: number, work: () => void): void {
    if (seconds === 0) return;
    this.#timetable.add(seconds * 1000, "walk", () => {
      work();
      this.#every(seconds, work);
    });
  }

  #sleep(ms: number): Promise<void> {
    if (this.#isWoken) {
      this.#isWoken = false;
      return new Promise((resolve) => setImmediate(resolve));
    }
    return new Promise((resolve) => {
      const timer = setTimeout(done, Math.min(ms, 60_000));
      const self = this;
      function done(): void {
        clearTimeout(timer);
        self.#wake = () => undefined;
        self.#isWoken = false;
        resolve();
      }
      this.#wake = done;
    });
  }
}
