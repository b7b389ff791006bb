// The source's half of replication for one set, in one worker thread: looks where facts point, ships differences, and
// runs jobs in between. One loop does one thing at a time, so the order of reading is the order of sequence numbers.

import { MiB } from "../base/units.js";
import { type Deferred, defer } from "../base/wait.js";
import { closeFd } from "../fs/native.js";
import type { RootIdentity } from "../fs/root-identity.js";
import { type BytePath, ROOT_PATH } from "../model/byte-path.js";
import type { CaptureFact } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";
import { ChangePlanner, type PlanContext } from "./change-planner.js";
import { Credits } from "./credits.js";
import { Doubts } from "./doubts.js";
import { FactInbox } from "./fact-inbox.js";
import type { FileTransfer } from "./file-transfer.js";
import type { Inode, Node } from "./node-table.js";
import { type Observation, observeNames, scanTree, walkDifferences } from "./observation.js";
import { type Membership, RootTree } from "./root-tree.js";
import { type OutgoingSet, SetWriter } from "./set-writer.js";
import { SignatureCache } from "./signature-cache.js";
import { Timetable } from "./timetable.js";

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
  /** Seconds between walks that catch what events missed; 0 = none. */
  readonly walkSeconds: number;
  readonly emit: (set: OutgoingSet) => void;
  readonly onProblem: (root: RootIndex, path: BytePath, code: string, message: string) => void;
  /** Every receiver must be asked for the blocks of this file. */
  readonly onAskReceivers: (root: RootIndex, inode: Inode) => void;
}

/** Work that yields to live changes: a mirror, a repair. */
export interface BackgroundJob {
  readonly connectionId: number;
  readonly hasWork: boolean;
  step(): Promise<unknown>;
}

/** A missing name waits this long for the rename that explains it. */
const MISSING_GRACE_MS = 30;
/** New directories are listed again at these ages: their watch may have come later than their content. */
const SETTLE_MS = [60, 300, 1500, 5000] as const;
const COALESCE_MS = 4;
/** Changes that never pause do not keep walks and mirrors waiting longer than this for their next step. */
const BACKGROUND_WAITS_MS = 10;
/** Directories that keep moving may not hold a barrier up for ever: what moves now is newer than the barrier. */
const BARRIER_ROUNDS_MAX = 100;
const OBSERVATIONS_PER_BATCH = 20_000;
const LIVE_OUTSTANDING_BYTES_MAX = 32 * MiB;

interface Walk {
  readonly tree: RootTree;
  readonly batches: Generator<Observation[]>;
  readonly ended: Deferred<void>;
}

export class SourceEngine {
  readonly trees: readonly RootTree[];
  readonly writer: SetWriter;
  readonly signatures: SignatureCache;
  readonly credits: Credits;
  readonly inbox = new FactInbox();
  readonly jobs: BackgroundJob[] = [];
  readonly doubts: Doubts;
  readonly #options: EngineOptions;
  readonly #timetable = new Timetable();
  readonly #walks: Walk[] = [];
  readonly #soon: (() => Promise<void>)[] = [];
  readonly #turns: Deferred<void>[] = [];
  readonly #missing: Map<BytePath, true>[];
  #wake: () => void = () => undefined;
  #isWoken = false;
  #lastPassMs = 0;
  #lastBackgroundMs = 0;

  private constructor(options: EngineOptions) {
    this.#options = options;
    this.credits = new Credits(LIVE_OUTSTANDING_BYTES_MAX, options.windowBytes);
    this.writer = new SetWriter(options.lastSeq, (set) => {
      this.credits.spend(set.connectionId, set.seq, set.bytes.length);
      options.emit(set);
    });
    this.signatures = new SignatureCache(options.signatureBytesMax);
    const { writer, signatures } = this;
    this.trees = options.roots.map((root, index) => RootTree.create({ index, ...root, writer, signatures, onProblem: options.onProblem }));
    this.#missing = this.trees.map(() => new Map());
    this.doubts = new Doubts({
      timetable: this.#timetable,
      inbox: this.inbox,
      whenOpen: (work) => this.#soon.push(work),
      onAskReceivers: options.onAskReceivers,
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
    this.#scheduleWalk();
  }

  /** Resolves with a sequence number, made for `connectionId`, that covers everything that was on the source at the call. */
  async barrier(connectionId: number): Promise<number> {
    await Promise.all(this.trees.map((tree) => this.#walkAll(tree)));
    // What waited (moved directories, missing names) may make further names wait: once per level of directories moved into each other.
    for (let round = 0; round < BARRIER_ROUNDS_MAX && (round === 0 || !this.#timetable.isSettled); round++) {
      this.#timetable.makeAllDue();
      // Twice: the first turn may only say where to look.
      await this.#turn();
      await this.#turn();
      await Promise.all(this.#walks.map((walk) => walk.ended.promise));
    }
    return this.writer.mark(connectionId);
  }

  #walkAll(tree: RootTree): Promise<void> {
    return this.#startWalk(tree, tree.table.root);
  }

  #startWalk(tree: RootTree, from: Node): Promise<void> {
    const ended = defer<void>();
    this.#walks.push({ tree, batches: walkDifferences(tree, from, { recursive: true, batch: OBSERVATIONS_PER_BATCH }), ended });
    this.wake();
    return ended.promise;
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
      if (!(await this.#workOnce())) await this.#sleep(this.#timetable.untilNextMs());
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
    if (!this.inbox.isEmpty) {
      worked = true;
      const sinceLast = performance.now() - this.#lastPassMs;
      if (sinceLast < COALESCE_MS) await this.#sleep(COALESCE_MS - sinceLast);
      await this.#livePass();
      this.#lastPassMs = performance.now();
    }
    if (worked) this.writer.flush();
    for (const turned of turns) turned.resolve();
    if (worked && performance.now() - this.#lastBackgroundMs < BACKGROUND_WAITS_MS) return true;
    const wasBusy = await this.#workInBackground();
    this.#lastBackgroundMs = performance.now();
    return worked || wasBusy;
  }

  async #workInBackground(): Promise<boolean> {
    const walk = this.#walks[0];
    if (walk !== undefined) {
      await this.#stepWalk(walk);
      return true;
    }
    for (const job of this.jobs) {
      if (!job.hasWork || !this.credits.mayMirror(job.connectionId)) continue;
      await this.#withTrees(() => job.step());
      return true;
    }
    return false;
  }

  async #withTrees<T>(work: () => Promise<T>): Promise<T> {
    try {
      for (const tree of this.trees) tree.begin();
      return await work();
    } finally {
      for (const tree of this.trees) tree.end();
    }
  }

  async #livePass(): Promise<void> {
    for (const [root, facts] of this.inbox.take()) {
      const tree = this.trees[root];
      if (tree === undefined) continue;
      await this.#withTrees(async () => {
        if (facts.names.size > 0) await this.#plan(tree, observeNames(tree, facts.names), true);
        for (const [path, recursive] of facts.directories) {
          const node = tree.table.at(path);
          if (node === undefined) await this.#plan(tree, observeNames(tree, [path]), true);
          else if (recursive) void this.#startWalk(tree, node);
          else await this.refreshDirectory(tree, node);
          if (path === ROOT_PATH && !recursive) this.#refreshRootDirectory(tree);
        }
      });
    }
  }

  /** Brings one directory's direct entries up to date. The tree must be open. */
  async refreshDirectory(tree: RootTree, node: Node): Promise<void> {
    for (const batch of walkDifferences(tree, node, { recursive: false, batch: OBSERVATIONS_PER_BATCH })) await this.#plan(tree, batch, true);
  }

  async #stepWalk(walk: Walk): Promise<void> {
    await this.#withTrees(async () => {
      const next = walk.batches.next();
      if (next.done !== true) {
        if (next.value.length > 0) await this.#plan(walk.tree, next.value, true);
        return;
      }
      this.#walks.splice(this.#walks.indexOf(walk), 1);
      this.#refreshRootDirectory(walk.tree);
      walk.ended.resolve();
    });
    this.writer.flush();
  }

  #refreshRootDirectory(tree: RootTree): void {
    const { root } = tree.table;
    const dirfd = tree.directoryOf(root);
    const stat = dirfd === undefined ? null : tree.look(dirfd, ROOT_PATH, "");
    if (stat === null || dirfd === undefined || (root.inode.hasSameCtime(stat) && !root.inode.racy)) return;
    this.writer.direct(0, false);
    tree.shipper.shipAttr({ dirfd, name: "", path: ROOT_PATH }, root.inode, stat, true);
  }

  async #plan(tree: RootTree, observations: readonly Observation[], holdMissing: boolean): Promise<void> {
    this.writer.direct(0, false);
    const outcome = await new ChangePlanner(tree, this.#context(holdMissing)).run(observations);
    if (outcome.missing.length > 0) this.#holdMissing(tree, outcome.missing);
    if (outcome.newDirectories.length > 0) this.#settle(tree, outcome.newDirectories);
  }

  #context(holdMissing: boolean): PlanContext {
    return {
      writer: this.writer,
      holdMissing,
      breathe: () => this.credits.whenLiveMayFlow(),
      transfer: (tree, node, transfer) => this.#transferLive(tree, node, transfer),
      askReceivers: (tree, inode, isEdited) => this.doubts.add(tree, inode, isEdited),
    };
  }

  async #transferLive(tree: RootTree, node: Node, transfer: FileTransfer): Promise<void> {
    for (;;) {
      await this.credits.whenLiveMayFlow();
      const result = stepTransfer(tree, node, transfer, this.writer);
      if (result === "more") continue;
      if (result === "done") tree.shipper.recordTransfer(transfer);
      else node.inode.racy = true;
      if (result !== "done" || transfer.isTorn) this.inbox.push([{ kind: "name", root: tree.index, path: node.path }]);
      return;
    }
  }

  #holdMissing(tree: RootTree, paths: readonly BytePath[]): void {
    const held = this.#missing[tree.index] as Map<BytePath, true>;
    const wasEmpty = held.size === 0;
    for (const path of paths) held.set(path, true);
    if (wasEmpty) this.#timetable.add(MISSING_GRACE_MS, "missing", () => this.#soon.push(() => this.#removeMissing(tree)));
  }

  async #removeMissing(tree: RootTree): Promise<void> {
    const held = this.#missing[tree.index] as Map<BytePath, true>;
    const paths = [...held.keys()];
    held.clear();
    await this.#plan(tree, observeNames(tree, paths), false);
  }

  #settle(tree: RootTree, directories: readonly { readonly path: BytePath; readonly recursive: boolean }[]): void {
    for (const ms of SETTLE_MS) {
      this.#timetable.add(ms, "settle", () => {
        this.inbox.push(directories.map(({ path, recursive }) => ({ kind: "directory", root: tree.index, path, recursive })));
      });
    }
  }

  #scheduleWalk(): void {
    if (this.#options.walkSeconds === 0) return;
    this.#timetable.add(this.#options.walkSeconds * 1000, "walk", () => {
      this.inbox.push(this.trees.map((tree) => ({ kind: "directory", root: tree.index, path: ROOT_PATH, recursive: true })));
      this.#scheduleWalk();
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

/** One step of a transfer, with the file opened anew: between steps it may have been renamed. Negative errno or "vanished" ends it. */
export function stepTransfer(tree: RootTree, node: Node, transfer: FileTransfer, writer: SetWriter): "more" | "done" | "vanished" {
  const dirfd = node.parent === null ? undefined : tree.directoryOf(node.parent);
  if (dirfd === undefined) return "vanished";
  const fd = tree.shipper.open({ dirfd, name: node.name, path: node.path });
  if (typeof fd !== "number") return "vanished";
  try {
    const result = transfer.step(fd, node.path, writer);
    return typeof result === "number" ? "vanished" : result;
  } finally {
    closeFd(fd);
  }
}
