// The source's half in process: an engine on a real directory, every set it emits decoded, jobs driven as the source
// worker drives them, and (when asked) a target that applies each set at once and whose answers go back to the jobs.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { SourceJobs } from "../../src/agent/source-jobs.js";
import { ApplyEngine } from "../../src/apply/apply-engine.js";
import type { Clock } from "../../src/base/clock.js";
import type { OutgoingSet } from "../../src/capture/set-writer.js";
import { SourceEngine } from "../../src/capture/source-engine.js";
import { SourceTree } from "../../src/capture/source-tree.js";
import { identityAt } from "../../src/fs/root-identity.js";
import { followSet } from "../../src/journal/dirty-changes.js";
import { DirtyMap } from "../../src/journal/dirty-map.js";
import type { Answer, Change } from "../../src/model/change.js";
import { type ChangeSet, decodeChangeSet } from "../../src/model/change-set.js";
import type { DirtyPlace } from "../../src/model/dirty-place.js";
import { RepsetMatcher } from "../../src/model/repset-matcher.js";
import type { Rule } from "../../src/model/rule.js";
import type { MirrorOrder, SourceEvent } from "../../src/model/source-messages.js";
import { eventually } from "./eventually.js";
import { makeTempDirectory } from "./temp-tree.js";

const EPOCH = "0123456789abcdef";
const CONNECTION = 1;
const BATCH_MAX = 500;

export interface SourceKitOptions {
  readonly root?: string;
  /** Rules beside the one that includes the root. */
  readonly rules?: (root: string) => readonly Rule[];
  /** Where sets are applied; null = they are only kept. */
  readonly target?: string | null;
  readonly signatureBytesMax?: number;
  /** Errors of the target that hold up one path only. */
  readonly refusals?: readonly string[];
  /** Called with each set that the target has applied. */
  readonly onApplied?: (set: ChangeSet) => void;
  /** Called before the tree is scanned. */
  readonly attach?: (engine: SourceEngine) => void;
  /** False: the set is lost on its way to the target. */
  readonly reaches?: (set: ChangeSet) => boolean;
  /** Called with each set as it is emitted: in the middle of the engine's work. */
  readonly onSet?: (set: ChangeSet) => void;
}

export interface NotedProblem {
  readonly path: string;
  readonly code: string;
}

export class SourceKit {
  readonly root: string;
  readonly sets: ChangeSet[] = [];
  /** Files that the sets until now took away. */
  lost = 0;
  readonly answers: Answer[] = [];
  readonly problems: NotedProblem[] = [];
  /** By events, and found by an audit. */
  readonly missed: string[] = [];
  readonly events: SourceEvent[] = [];
  readonly engine: SourceEngine;
  readonly tree: SourceTree;
  readonly jobs: SourceJobs;
  readonly #apply: ApplyEngine | null;
  readonly #onSet: (set: ChangeSet) => void;
  readonly #onApplied: (set: ChangeSet) => void;
  readonly #reaches: (set: ChangeSet) => boolean;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #mirrors = 0;
  readonly #dirty = new DirtyMap();
  /** Sets whose answers are on their way. */
  #unheard = 0;

  private constructor(options: SourceKitOptions) {
    const directory = makeTempDirectory();
    this.root = options.root ?? join(directory, "source");
    mkdirSync(this.root, { recursive: true });
    const rules: Rule[] = [{ path: this.root, mode: "include", recursive: true }, ...(options.rules?.(this.root) ?? [])];
    this.#onSet = options.onSet ?? (() => undefined);
    this.#onApplied = options.onApplied ?? (() => undefined);
    this.#reaches = options.reaches ?? (() => true);
    const target = options.target ?? null;
    this.#apply = target === null ? null : openTarget(join(directory, "state"), this.root, target, options.refusals ?? []);
    this.engine = SourceEngine.create({
      roots: [{ path: this.root, identity: identityAt(this.root), membership: new RepsetMatcher(rules, this.root) }],
      lastSeq: 0,
      signatureBytesMax: options.signatureBytesMax ?? 64 << 20,
      windowBytes: 16 << 20,
      walkSeconds: 0,
      auditSeconds: 0,
      emit: (set) => this.#take(set),
      onProblem: (_root, path, code) => this.problems.push({ path, code }),
      onAskReceivers: (root, inode) => this.jobs.checkEverywhere(root, inode),
      onMissed: (_root, paths) => this.missed.push(...paths),
    });
    this.tree = new SourceTree(this.engine);
    this.jobs = new SourceJobs(this.engine, this.tree, (event) => this.events.push(event));
  }

  /** Scans and runs; everything ends with the test. */
  static start(options: SourceKitOptions = {}): SourceKit {
    const kit = new SourceKit(options);
    options.attach?.(kit.engine);
    kit.engine.scan();
    kit.#running = kit.engine.run(kit.#stop.signal);
    kit.#running.catch(() => kit.#stop.abort());
    onTestFinished(() => kit.stop());
    return kit;
  }

  /** Rejects when the engine failed. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.engine.wake();
    await this.#running;
    this.#apply?.close();
  }

  /** Resolves with the error that ends the engine, which fails no test then. */
  async failure(): Promise<unknown> {
    const failure = await this.#running.then(
      () => undefined,
      (error: unknown) => error,
    );
    this.#running = Promise.resolve();
    return failure;
  }

  get target(): ApplyEngine {
    if (this.#apply === null) throw new Error("this kit has no target");
    return this.#apply;
  }

  path(name: string): string {
    return join(this.root, name);
  }

  /** Everything done to the source until now is in `changes` afterwards. Returns what came since the last call. */
  async barrier(): Promise<readonly Change[]> {
    const before = this.sets.length;
    await Promise.race([this.engine.barrier(1), this.#running]);
    return this.sets.slice(before).flatMap((set) => set.changes);
  }

  /** The changes that `deed` causes, seen by a barrier. */
  async changesOf(deed: () => void): Promise<readonly Change[]> {
    deed();
    return this.barrier();
  }

  /** A full mirror asks nothing of the target, unless for `extras`. */
  async mirror(
    mode: MirrorOrder["mode"],
    extras: MirrorOrder["extras"] = mode === "full" ? "keep" : "remove",
    suspect: MirrorOrder["suspect"] = "none",
    more: Partial<Pick<MirrorOrder, "content" | "newerOnly" | "missingOnly" | "skipsEmpty" | "places" | "doneThrough" | "isSized">> & {
      readonly clock?: Clock;
    } = {},
  ): Promise<void> {
    const mirrorId = ++this.#mirrors;
    this.jobs.obey({ kind: "attach", connectionId: CONNECTION });
    const order = {
      connectionId: CONNECTION,
      mirrorId,
      mode,
      extras,
      suspect,
      content: "times",
      newerOnly: false,
      places: null,
      doneThrough: null,
      isSized: true,
      ...more,
    } as const;
    this.jobs.obey({ kind: "mirror", order });
    await this.#until(() => this.events.some((event) => event.kind === "mirrorEmitted" && event.mirrorId === mirrorId));
  }

  /** From now on the target is one that understands index and rebuild changes. */
  openChannel(): void {
    this.jobs.obey({ kind: "attach", connectionId: CONNECTION });
    this.jobs.obey({ kind: "channel", connectionId: CONNECTION, seq: 0, rebuildsFiles: true });
  }

  /** Barrier, and everything the target found stale is repaired. */
  async settle(): Promise<void> {
    await this.barrier();
    await this.#until(() => this.#unheard === 0 && this.jobs.probe(CONNECTION).pending === 0);
  }

  /** Has these places repaired, as after a restart: in batches, while the map follows what is emitted meanwhile. */
  async repair(places: readonly DirtyPlace[], changedSinceMs: number): Promise<void> {
    this.jobs.obey({ kind: "attach", connectionId: CONNECTION });
    for (const place of places) this.#dirty.mark({ ...place, files: 0, bytes: 0 });
    this.#dirty.markLinks();
    for (let batch = this.#dirty.take(BATCH_MAX); batch !== null; batch = this.#dirty.take(BATCH_MAX)) {
      this.jobs.obey({ kind: "repair", connectionId: CONNECTION, batch: batch.id, places: batch.places, withLinks: batch.withLinks, changedSinceMs });
      await this.settle();
      this.#dirty.settle(batch.id);
    }
  }

  async #until(condition: () => boolean): Promise<void> {
    const attempt = (): void => {
      this.engine.wake();
      if (!this.#stop.signal.aborted && !condition()) throw new Error("the jobs have not ended");
    };
    await eventually(attempt, { timeoutMs: 20_000, intervalMs: 1 });
    if (this.#stop.signal.aborted) await this.#running;
  }

  #take(set: OutgoingSet): void {
    const bytes = Buffer.from(set.bytes);
    const decoded = decodeChangeSet(bytes);
    this.sets.push(decoded);
    this.lost += set.lost;
    this.#onSet(decoded);
    if (set.connectionId === 0 && !this.#dirty.isEmpty) followSet(this.#dirty, bytes);
    queueMicrotask(() => this.engine.credits.accepted(bytes.length));
    if (this.#apply === null || !this.#reaches(decoded)) return;
    const outcome = this.#apply.applySet(bytes);
    if (outcome.kind !== "applied") throw new Error(`set ${set.seq} was not applied: ${JSON.stringify(outcome)}`);
    this.#onApplied(decoded);
    this.answers.push(...outcome.answers);
    // As over a channel: later, and not while the engine is in the middle of emitting.
    this.#unheard += 1;
    setImmediate(() => {
      this.#unheard -= 1;
      this.engine.credits.applied(CONNECTION, set.seq);
      this.jobs.obey({ kind: "answers", connectionId: CONNECTION, answers: outcome.answers });
      this.engine.wake();
    });
  }
}

function openTarget(stateDirectory: string, source: string, target: string, refusals: readonly string[]): ApplyEngine {
  mkdirSync(target, { recursive: true });
  mkdirSync(stateDirectory, { recursive: true });
  // What was refused is tried again when the test says so.
  const timing = { waitMs: () => Number.POSITIVE_INFINITY };
  const engine = ApplyEngine.open({ stateDirectory, mappings: [{ source, target }], remapLinks: false, refusals, timing });
  engine.begin(EPOCH);
  return engine;
}

/** One line per change: what a test says about a stream without its times and modes. */
export function outline(changes: readonly Change[]): string[] {
  return changes
    .filter((change) => change.op !== "attr")
    .map((change) => ("to" in change ? `${change.op} ${change.path} -> ${change.to}` : `${change.op} ${change.path}`));
}

export function payloadBytes(changes: readonly Change[]): number {
  return changes.reduce((sum, change) => sum + (change.op === "file" || change.op === "rebuild" ? change.payload.length : 0), 0);
}
