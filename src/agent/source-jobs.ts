// The jobs of one source worker: per connection one mirror at a time, and one repair that lives as long as the connection.

import { ContentCheck } from "../capture/content-check.js";
import type { Inode } from "../capture/node-table.js";
import { knowledgeOf } from "../capture/path-knowledge.js";
import type { BackgroundJob, SourceEngine } from "../capture/source-engine.js";
import type { SourceTree } from "../capture/source-tree.js";
import { MirrorJob } from "../jobs/mirror-job.js";
import type { BytePath } from "../model/byte-path.js";
import type { Answer, RootIndex } from "../model/change.js";
import { decodeChangeSet } from "../model/change-set.js";
import type { PathKnowledge } from "../model/explanation.js";
import type { MirrorOrder, SourceCommand, SourceEvent } from "../model/source-messages.js";
import { type LookingCommand, LookingJobs } from "./looking-jobs.js";
import { countsOf } from "./mirror-counts.js";
import { sharedPlaces } from "./shared-places.js";

/** Nothing changed since then. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;

interface ConnectionJobs {
  readonly repair: MirrorJob;
  readonly check: ContentCheck;
  mirror: { readonly job: MirrorJob; readonly order: MirrorOrder; readonly background: BackgroundJob; isPaused: boolean } | null;
  reportedRepairs: number;
  /** Last set emitted when the repair or the check had work. */
  repairSeq: number;
  /** What the queue gave up: asked again once the receiver shows that it takes sets, or the queue would only fill again. */
  readonly lost: SeqRange[];
  /** Of dirty places, that the repair is at. */
  readonly batches: number[];
  readonly looking: LookingJobs;
}

type JobCommand =
  | LookingCommand
  | Extract<
      SourceCommand,
      { kind: "attach" | "detach" | "mirror" | "stopMirror" | "pauseMirror" | "answers" | "review" | "repair" | "lost" | "applied" | "channel" }
    >;

interface SeqRange {
  readonly fromSeq: number;
  toSeq: number;
}

export class SourceJobs {
  readonly #engine: SourceEngine;
  readonly #tree: SourceTree;
  readonly #post: (event: SourceEvent) => void;
  readonly #connections = new Map<number, ConnectionJobs>();

  constructor(engine: SourceEngine, tree: SourceTree, post: (event: SourceEvent) => void) {
    this.#engine = engine;
    this.#tree = tree;
    this.#post = post;
  }

  obey(command: JobCommand): void {
    switch (command.kind) {
      case "attach":
        this.#attach(command.connectionId);
        break;
      case "detach":
        this.#detach(command.connectionId);
        break;
      case "mirror":
        this.#startMirror(command.order);
        break;
      case "stopMirror":
        this.#stopMirror(command.connectionId);
        break;
      case "pauseMirror":
        this.#pauseMirror(command.connectionId, command.isPaused);
        break;
      case "verify":
      case "stopVerify":
      case "scrub":
      case "pauseScrub":
      case "stopScrub":
      case "orphans":
      case "stopOrphans":
      case "plan":
      case "stopPlan":
        this.#connections.get(command.connectionId)?.looking.obey(command);
        break;
      case "answers":
        for (const answer of command.answers) this.#takeAnswer(command.connectionId, answer);
        break;
      case "review":
        for (const frame of command.frames) this.#review(command.connectionId, Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
        break;
      case "repair":
        this.#repairPlaces(command);
        break;
      case "lost":
        for (const [id, jobs] of this.#connections) if (command.connectionId === 0 || command.connectionId === id) noteLost(jobs.lost, command);
        break;
      case "channel":
      case "applied":
        if (command.kind === "channel") this.#tree.noteReceiver(command.connectionId, command.rebuildsFiles);
        this.#askLost(command.connectionId);
        break;
    }
  }

  /** A file whose blocks only the receivers know may have changed. */
  checkEverywhere(root: RootIndex, inode: Inode): void {
    for (const { check } of this.#connections.values()) check.add(root, inode);
  }

  #askLost(connectionId: number): void {
    const jobs = this.#connections.get(connectionId);
    for (const { fromSeq, toSeq } of jobs?.lost.splice(0) ?? []) {
      const end = Math.min(toSeq, this.#engine.writer.lastSeq);
      for (let seq = fromSeq; seq <= end && jobs !== undefined; seq++) askAgain(jobs, seq);
    }
  }

  #attach(connectionId: number): void {
    if (this.#connections.has(connectionId)) return;
    const repair = new MirrorJob({
      connectionId,
      mode: "repair",
      extras: "remove",
      suspect: "none",
      content: "times",
      newerOnly: false,
      places: null,
      doneThrough: null,
      isSized: false,
      tree: this.#tree,
    });
    const check = new ContentCheck({
      connectionId,
      tree: this.#tree,
      onUnfit: (root, path) => repair.addRepair(root, path),
      onVanished: (root, inode) => {
        const tree = this.#engine.trees[root];
        if (tree !== undefined) this.#engine.doubts.follow(tree, inode);
      },
    });
    const looking = new LookingJobs({
      connectionId,
      engine: this.#engine,
      tree: this.#tree,
      post: this.#post,
      repair: (place, { alone }) => {
        if (!alone) {
          this.#post({ kind: "found", connectionId, places: [place] });
          return;
        }
        repair.addPlaces([place], NEVER_MS);
        // Before the job can tell that it has ended.
        if (jobs.reportedRepairs === 0) this.#tellRepairs(connectionId, jobs);
      },
    });
    const jobs: ConnectionJobs = { repair, check, mirror: null, reportedRepairs: 0, repairSeq: 0, lost: [], batches: [], looking };
    this.#connections.set(connectionId, jobs);
    this.#engine.jobs.push({
      connectionId,
      get hasWork() {
        return jobs.mirror?.isPaused !== false && repair.hasWork;
      },
      step: async () => {
        await repair.step();
        if (repair.pending === 0) await this.#settleRepair(repair);
        jobs.repairSeq = this.#engine.writer.flush();
        this.#sayRepaired(connectionId, jobs);
      },
    });
    this.#engine.jobs.push({
      connectionId,
      get hasWork() {
        return jobs.mirror?.isPaused !== false && check.hasWork;
      },
      step: async () => {
        check.step();
        jobs.repairSeq = this.#engine.writer.flush();
      },
    });
  }

  #repairPlaces({ connectionId, batch, places, withLinks, changedSinceMs }: Extract<JobCommand, { kind: "repair" }>): void {
    const jobs = this.#connections.get(connectionId);
    if (jobs === undefined) return;
    const all = withLinks ? [...places, ...sharedPlaces(this.#tree, changedSinceMs)] : places;
    jobs.repair.addPlaces(all, changedSinceMs);
    jobs.batches.push(batch);
    this.#sayRepaired(connectionId, jobs);
  }

  #sayRepaired(connectionId: number, { repair, batches }: ConnectionJobs): void {
    if (repair.pending > 0 || batches.length === 0) return;
    this.#post({ kind: "repaired", connectionId, batches: batches.splice(0), lastSeq: this.#engine.writer.flush() });
  }

  /** The last step of a repair sets the times of the directories it touched. */
  async #settleRepair(repair: MirrorJob): Promise<void> {
    while ((await repair.step()) === "worked");
  }

  #detach(connectionId: number): void {
    this.#connections.get(connectionId)?.looking.stop();
    this.#connections.delete(connectionId);
    this.#tree.noteReceiver(connectionId, false);
    for (const job of this.#engine.jobs.filter((j) => j.connectionId === connectionId)) this.#drop(job);
    this.#engine.credits.forget(connectionId);
  }

  #drop(job: BackgroundJob): void {
    const index = this.#engine.jobs.indexOf(job);
    if (index < 0) return;
    this.#engine.jobs.splice(index, 1);
    // What it sent last may be gathered still.
    this.#engine.writer.flush();
  }

  #startMirror(order: MirrorOrder): void {
    const jobs = this.#connections.get(order.connectionId);
    if (jobs === undefined) return;
    this.#stopMirror(order.connectionId);
    jobs.looking.mirrorBegins();
    const { connectionId, extras } = order;
    const job = new MirrorJob({ ...order, tree: this.#tree });
    let isSettlingTold = false;
    const background: BackgroundJob = {
      connectionId,
      // A job that waits for nothing more must be stepped once again to end.
      get hasWork() {
        return jobs.mirror?.isPaused !== true && (job.hasWork || job.pending === 0);
      },
      step: async () => {
        const result = await job.step();
        if (job.progress.isSettling && !isSettlingTold) {
          isSettlingTold = true;
          this.#post({ kind: "mirrorSettling", connectionId, mirrorId: order.mirrorId });
        }
        if (result !== "done") return;
        this.#drop(background);
        jobs.mirror = null;
        this.#post({
          kind: "mirrorEmitted",
          connectionId,
          mirrorId: order.mirrorId,
          lastSeq: this.#engine.writer.flush(),
          counts: countsOf(job, this.#engine.credits),
        });
      },
    };
    jobs.mirror = { job, order, background, isPaused: false };
    this.#engine.jobs.push(background);
    const { files } = this.#engine.totals;
    this.#post({ kind: "mirrorStarted", connectionId, mirrorId: order.mirrorId, files, removesExtras: extras === "remove" });
  }

  /** It keeps all it knows; repairs, which wait for a mirror otherwise, are done meanwhile. */
  #pauseMirror(connectionId: number, isPaused: boolean): void {
    const { mirror = null } = this.#connections.get(connectionId) ?? {};
    if (mirror !== null) mirror.isPaused = isPaused;
  }

  #stopMirror(connectionId: number): void {
    const jobs = this.#connections.get(connectionId);
    if (jobs === undefined || jobs.mirror === null) return;
    this.#drop(jobs.mirror.background);
    jobs.mirror.job.close();
    jobs.mirror = null;
  }

  #takeAnswer(connectionId: number, answer: Answer): void {
    const jobs = this.#connections.get(connectionId);
    if (jobs === undefined) return;
    if (answer.kind === "task") return;
    if (answer.kind === "stale") jobs.repair.addRepair(answer.root, answer.path, answer.seq);
    else if (answer.kind === "problem") this.#post({ kind: "problem", root: answer.root, path: answer.path, code: answer.code, message: answer.message });
    else if (jobs.mirror?.job.takeAnswer(answer) === true || jobs.looking.takeAnswer(answer)) return;
    else if ((answer.kind !== "sums" && answer.kind !== "index") || !jobs.check.takeAnswer(answer)) jobs.repair.takeAnswer(answer);
  }

  #review(connectionId: number, frame: Buffer): void {
    const jobs = this.#connections.get(connectionId);
    if (jobs === undefined) return;
    const set = decodeChangeSet(frame);
    for (const change of set.changes) {
      // Who put it into the order asks what became of it.
      if (change.op === "task") continue;
      if (change.op === "compare" || change.op === "sums" || change.op === "orphans" || change.op === "index") {
        askAgain(jobs, set.seq);
      } else {
        // Of what is in a directory there are changes of its own: below it the target may have what a mirror left alone, or did not remove.
        const descends = change.op !== "dir" && change.op !== "attr";
        jobs.repair.addRepair(change.root, change.op === "rename" ? change.to : change.path, set.seq, descends);
      }
    }
  }

  /** What is still to be repaired for a connection, and the last set that any repair emitted. Its progress is told before the answer, which it agrees with. */
  probe(connectionId: number): { readonly pending: number; readonly repairSeq: number } {
    const jobs = this.#connections.get(connectionId);
    if (jobs !== undefined) this.#tellRepairs(connectionId, jobs);
    return { pending: (jobs === undefined ? 0 : pendingOf(jobs)) + this.#engine.live.unsettled, repairSeq: jobs?.repairSeq ?? 0 };
  }

  /** Connections for which nothing is to be done. */
  *idle(): Generator<number> {
    for (const [connectionId, jobs] of this.#connections) {
      if (jobs.mirror === null && pendingOf(jobs) === 0 && jobs.batches.length === 0 && jobs.lost.length === 0) yield connectionId;
    }
  }

  /** What is known of a path, and which connections compare its content. */
  explain(root: RootIndex, path: BytePath): PathKnowledge {
    const inode = this.#engine.trees[root]?.table.at(path)?.inode;
    const checking = [...this.#connections].filter(([, { check }]) => inode !== undefined && check.has(inode));
    return { ...knowledgeOf(this.#engine, root, path), checkedBy: checking.map(([connectionId]) => connectionId) };
  }

  reportProgress(): void {
    for (const [connectionId, jobs] of this.#connections) {
      const { mirror } = jobs;
      jobs.looking.tell();
      if (mirror !== null) {
        const { doneThrough: pointer } = mirror.job;
        const done = pointer === undefined ? null : { pointer, seq: this.#engine.writer.flush() };
        this.#post({ kind: "mirrorProgress", connectionId, mirrorId: mirror.order.mirrorId, counts: countsOf(mirror.job, this.#engine.credits), done });
      }
      this.#tellRepairs(connectionId, jobs);
    }
  }

  #tellRepairs(connectionId: number, jobs: ConnectionJobs): void {
    const pending = pendingOf(jobs) + this.#engine.live.unsettled;
    if (pending === 0 && jobs.reportedRepairs === 0) return;
    jobs.reportedRepairs = pending;
    this.#post({ kind: "repairs", connectionId, pending, lastSeq: this.#engine.writer.lastSeq });
  }
}

function askAgain(jobs: ConnectionJobs, seq: number): void {
  if (jobs.mirror?.job.askAgain(seq) !== true && !jobs.looking.askAgain(seq) && !jobs.check.askAgain(seq)) jobs.repair.askAgain(seq);
}

/** Losses come one by one and in order: neighbours become one range. */
function noteLost(lost: SeqRange[], { fromSeq, toSeq }: SeqRange): void {
  const last = lost.at(-1);
  if (last !== undefined && fromSeq >= last.fromSeq && fromSeq <= last.toSeq + 1) last.toSeq = Math.max(last.toSeq, toSeq);
  else lost.push({ fromSeq, toSeq });
}

function pendingOf({ repair, check }: ConnectionJobs): number {
  return repair.pending + check.pending;
}
