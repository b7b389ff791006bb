// One restore at the holder of the copy: a mirror the other way round. The copy is the source of a connection that only mirrors, with
// a journal, a worker and a place for its records of its own, all of which go when it ends. What is in the copy is walked again
// until nothing changed in it meanwhile.
//   copy ─▶ capture, mirror ─▶ journal ─▶ connection ══▶ receiver

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { MiB } from "../base/units.js";
import type { Config } from "../config/config.js";
import type { SourceConnectionOptions } from "../connection/connection-options.js";
import type { ConnectionRecord, MirrorNeed } from "../connection/connection-record.js";
import { NOTHING_HELD } from "../connection/guard-record.js";
import { identityAt } from "../fs/root-identity.js";
import { DirtyStore } from "../journal/dirty-store.js";
import type { Greeting, Peer, SourceDialer } from "../model/channel-port.js";
import type { Compression } from "../model/compression.js";
import type { Mapping } from "../model/connection-spec.js";
import type { QueueLimits } from "../model/queue.js";
import { NOTHING_RESTORED, pathInCopy, type RestoreCounts, type RestoreNews, type RestoreOptions, reversed, transmissionOf, walkOf } from "../model/restore.js";
import type { Rule } from "../model/rule.js";
import type { SourceEvent } from "../model/source-messages.js";
import { machineIdentity } from "./machine.js";
import { RepsetSource } from "./repset-source.js";
import { afterWalk } from "./restore-walk.js";
import { RestoringConnection } from "./restoring-connection.js";
import { isDirectory } from "./set-roots.js";

/** The copy, as its source told of it. */
export interface Copy {
  readonly key: string;
  readonly peer: string;
  readonly repset: string;
  readonly rules: readonly Rule[];
  readonly mappings: readonly Mapping[];
  readonly remapLinks: boolean;
  readonly durability: "none" | "write" | "fsync";
}

export interface RestoreRunOptions {
  /** Of the restore. */
  readonly key: string;
  readonly copy: Copy;
  readonly doubt: string | null;
  readonly options: RestoreOptions;
  readonly compression: Compression;
  readonly receiver: string;
  readonly findPeer: (name: string) => Peer;
  readonly dialer: Pick<SourceDialer, "dial">;
  /** The source of the copy may write to it meanwhile: then there is no moment of rest to be waited for. */
  readonly isCopyLive: boolean;
  readonly config: Config;
  readonly limits: QueueLimits;
  readonly version: string;
  readonly failpoint: string | null;
  readonly onNews: (news: RestoreNews) => void;
  readonly log: Log;
}

const LOOK_MS = 250;
const NAMES_SHOWN = 100;

export class RestoreRun {
  readonly #options: RestoreRunOptions;
  readonly #directory: string;
  readonly #source: RepsetSource;
  readonly #connection: RestoringConnection;
  readonly #dirty: DirtyStore;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  readonly #ticker: NodeJS.Timeout;
  /** Changes in the copy since the walk began. */
  #changes = 0;
  #walks = 1;
  /** The mirror that is waited for: this one, or what took its place. */
  #mirrorId = 1;
  #news: RestoreNews;
  #isLooking = false;
  #hadChannel = false;
  /** Of the walks before this one. */
  #counted: Pick<RestoreCounts, "bytesDone" | "removed"> = NOTHING_RESTORED;
  #closing: Promise<void> | null = null;

  private constructor(options: RestoreRunOptions, directory: string, dirty: DirtyStore, source: RepsetSource) {
    this.#options = options;
    this.#directory = directory;
    this.#dirty = dirty;
    this.#source = source;
    this.#news = { status: "running", percent: 0, message: null, counts: NOTHING_RESTORED, mappings: reversed(options.copy.mappings), doubt: options.doubt };
    this.#connection = this.#connect();
    source.attach(this.#connection);
    this.#running = this.#connection.run(this.#abort.signal);
    this.#ticker = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** Throws ROOT_MISSING when a part of the copy is not there, USAGE for a path that is no part of it. */
  static async open(options: RestoreRunOptions): Promise<RestoreRun> {
    const { copy, config, limits, failpoint, log, key } = options;
    for (const { target } of copy.mappings) if (!isDirectory(target)) throw new SmError("ROOT_MISSING", `there is no copy of ${copy.repset} at ${target}`);
    pathsIn(options);
    const directory = join(config.stateDir, "restores", key);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const dirty = DirtyStore.open(directory, log);
    const source = await RepsetSource.open({
      repset: { name: copy.repset, generation: 0, rules: copy.rules },
      roots: copy.mappings.map(({ target }) => ({ path: target, ...identityAt(target) })),
      ruleRoots: copy.mappings.map(({ source: root }) => root),
      config: { ...config, stateDir: directory, queue: { ...config.queue, directory: join(config.queue.directory, "restores", key), onFull: "mirror" } },
      limits,
      dirty,
      failpoint,
      onChange: () => undefined,
      log,
    });
    return new RestoreRun(options, directory, dirty, source);
  }

  get news(): RestoreNews {
    return this.#news;
  }

  get isOver(): boolean {
    return this.#news.status !== "running";
  }

  /** The receiver may be reached again. */
  nudge(): void {
    this.#connection.nudge();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#ticker);
    this.#abort.abort();
    await this.#running;
    this.#source.detach(this.#connection);
    await this.#source.close();
    this.#dirty.close();
    rmSync(this.#directory, { recursive: true, force: true });
    rmSync(join(this.#options.config.queue.directory, "restores", this.#options.key), { recursive: true, force: true });
  }

  #connect(): RestoringConnection {
    const { config, limits, dialer, findPeer, log } = this.#options;
    const record = this.#record();
    const options: SourceConnectionOptions = {
      record: { ...record, epoch: this.#source.journal.stats().epoch },
      journal: this.#source.journal,
      feed: this.#source,
      dialer: { dial: (peer, hello, signal) => this.#dial(dialer, peer, hello, signal) },
      places: this.#dirty.book(record.id),
      findPeer,
      hello: () => this.#hello(),
      windowBytes: config.transport.windowMiB * MiB,
      repairBelowBytes: () => (limits.memoryMiB * MiB) / 2,
      stallMs: null,
      captureLagMs: 0,
      guardPolicy: () => null,
      save: () => undefined,
      onChange: () => undefined,
      onEvent: (event) => this.#takeEvent(event),
      log,
    };
    return new RestoringConnection(options, (message) => this.#end("failed", `it cannot go on: ${message}; start it again`));
  }

  /** What the receiver forgot would be mirrored as if nobody had chosen what may be overwritten, and removed. */
  async #dial(dialer: Pick<SourceDialer, "dial">, peer: Peer, hello: Greeting, signal: AbortSignal): ReturnType<SourceDialer["dial"]> {
    const channel = await dialer.dial(peer, hello, signal);
    if (this.#hadChannel && !channel.welcome.resumed) {
      await channel.close({ isAbrupt: true });
      const message = `${peer.name} does not know any more what came of the restore: start it again`;
      this.#end("failed", message);
      throw new SmError("RESTORE_REQUIRED", message);
    }
    this.#hadChannel = true;
    return channel;
  }

  #record(): ConnectionRecord {
    const { key, copy, options, receiver, compression } = this.#options;
    const roots = copy.mappings.map(({ target }) => ({ path: target, ...identityAt(target) }));
    const need = this.#need();
    return {
      id: 1,
      key,
      repset: copy.repset,
      peer: receiver,
      mappings: reversed(copy.mappings),
      options: {
        ...{ mirror: "difference", replicate: false, compression, durability: copy.durability, remapLinks: copy.remapLinks },
        ...{ guard: "off", guardChanged: "off" },
      },
      createdAt: new Date().toISOString(),
      roots,
      epoch: "",
      durableSeq: 0,
      ...(options.paths === null ? { mirrorNeed: need } : { mirrorNeed: null, partMirror: need }),
      wasMirrored: false,
      cleanUntilMs: Date.now(),
      checkpoint: null,
      guard: NOTHING_HELD,
      transmission: transmissionOf(options),
    };
  }

  #need(): MirrorNeed {
    const paths = pathsIn(this.#options);
    const common = { reason: "restore", message: "restored to its source", since: new Date().toISOString(), mode: "difference" } as const;
    return { ...common, ...walkOf(this.#options.options), changedSinceMs: null, isAutomatic: true, ...(paths === null ? {} : { paths }) };
  }

  /** Origins are not told: that the copy comes back to where it is from is what is wanted, and that way is held. */
  #hello(): Greeting {
    const { record } = this.#connection;
    const { copy, version } = this.#options;
    return {
      connectionKey: record.key,
      connectionId: record.id,
      repset: record.repset,
      generation: 0,
      rules: [...copy.rules],
      mappings: [...record.mappings],
      ruleRoots: copy.mappings.map(({ source }) => source),
      epoch: this.#source.journal.stats().epoch,
      remapLinks: copy.remapLinks,
      durability: copy.durability,
      sourceTimeMs: Date.now(),
      machine: machineIdentity(),
      origins: [],
      version,
    };
  }

  #takeEvent(event: SourceEvent): void {
    if (event.kind === "set" && event.connectionId === 0) this.#changes += event.changes;
    if (event.kind === "mirrorStarted") this.#changes = 0;
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.isOver) return;
    this.#isLooking = true;
    try {
      this.#connection.tick();
      await this.#judge();
    } finally {
      this.#isLooking = false;
    }
  }

  async #judge(): Promise<void> {
    const { state, mirror } = this.#connection;
    if (state.kind === "halted") this.#end("failed", state.fault.message);
    else if (mirror.id < this.#mirrorId || mirror.report().outcome !== "done") this.#tell(state.kind === "backingOff" ? state.fault.message : null);
    else if (await this.#isSettled()) this.#endWalk();
    else this.#tell("what came is being made durable");
  }

  /** All that the walk sent is durable, and nothing is to be repaired; what is refused is waited for no longer. */
  async #isSettled(): Promise<boolean> {
    const connection = this.#connection;
    if (connection.quarantine.count > 0) return true;
    const seq = connection.appliedSeq;
    // Of a worker that ended there is no answer: what becomes of the restore is said elsewhere.
    const { pending, repairSeq } = await this.#source.probe(connection.id).catch(() => ({ pending: 1, repairSeq: 0 }));
    return pending === 0 && connection.pendingRepairs === 0 && connection.durableSeq >= Math.max(seq, repairSeq);
  }

  #endWalk(): void {
    const { isCopyLive, receiver } = this.#options;
    const step = afterWalk({ failures: this.#failures, changes: this.#changes, walks: this.#walks, isCopyLive, receiver });
    if (step.kind === "again") this.#walkAgain();
    else this.#end(step.kind, step.message);
  }

  #walkAgain(): void {
    const connection = this.#connection;
    this.#counted = this.#counts;
    this.#walks += 1;
    this.#changes = 0;
    this.#mirrorId = connection.mirror.id + 1;
    // What the walk before left alone is owed to nobody: merged with it, this one would overwrite that.
    connection.keep({ mirrorNeed: null, partMirror: null }, true);
    connection.requireMirror(this.#need());
  }

  get #failures(): number {
    const { problems, quarantine } = this.#connection;
    return problems.count + quarantine.count;
  }

  /** What came is that of all walks; the rest is as the last one found it. */
  get #counts(): RestoreCounts {
    const { mirror, problems, quarantine } = this.#connection;
    const { filesTotal, bytesTotal, filesDone, bytesDone, bytesSkipped, orphans, orphanNames, leftAlone, leftAloneNames } = mirror.report();
    const failed = [...problems.list(), ...(quarantine.news?.shown ?? [])].map(({ path, message }) => `${path}: ${message}`);
    return {
      ...{ filesTotal, bytesTotal, filesDone, bytesSkipped, orphans, orphanNames, leftAlone, leftAloneNames },
      bytesDone: this.#counted.bytesDone + bytesDone,
      removed: this.#counted.removed + mirror.removed,
      problems: this.#failures,
      problemNames: failed.slice(0, NAMES_SHOWN),
    };
  }

  #tell(message: string | null): void {
    const percent = Math.min(99, this.#connection.mirror.report().percent ?? 0);
    this.#news = { ...this.#news, percent, message: message === null ? null : message.slice(0, 2000), counts: this.#counts };
    this.#options.onNews(this.#news);
  }

  #end(status: "done" | "failed", message: string | null): void {
    if (this.isOver) return;
    this.#tell(message);
    this.#news = { ...this.#news, status, percent: status === "done" ? 100 : this.#news.percent };
    const { copy, receiver, log } = this.#options;
    const { filesDone, bytesDone, removed } = this.#news.counts;
    logEvent(
      log,
      "restoreServedEnded",
      { repset: copy.repset, target: receiver, outcome: status },
      { files: filesDone, bytes: bytesDone, removed, reason: message },
    );
    this.#options.onNews(this.#news);
    this.#abort.abort();
  }
}

/** Where in the copy the paths are that alone are restored; null = all of it. */
function pathsIn({ copy, options }: Pick<RestoreRunOptions, "copy" | "options">): readonly string[] | null {
  if (options.paths === null) return null;
  return options.paths.map((path) => {
    const place = pathInCopy(path, copy.mappings);
    if (place === undefined) throw new SmError("USAGE", `${path} is no part of ${copy.repset}: ${copy.mappings.map(({ source }) => source).join(", ")}`);
    return place;
  });
}
