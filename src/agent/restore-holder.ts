// The restores that go out from the copies of this agent: who may have what back, and one run for each copy.
//   receiver ─ call ─▶ holder: is it the source of the copy? ─▶ run ═ mirror ═▶ receiver

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Config } from "../config/config.js";
import type { TargetView } from "../connection/target-report.js";
import type { TargetService } from "../connection/target-service.js";
import type { DismissConnection, Peer } from "../model/channel-port.js";
import type { QueueLimits } from "../model/queue.js";
import { NOTHING_RESTORED, type RestoreNews, type RestoreOptions, type RestoreRequest, reversed } from "../model/restore.js";
import type { AcceptRestore, RestoreCall } from "../transport/restore-call.js";
import type { WsSourceDialer } from "../transport/source-dialer.js";
import { RestoreGate } from "./restore-gate.js";
import { type Copy, RestoreRun, type RestoreRunOptions } from "./restore-run.js";
import { isDirectory } from "./set-roots.js";

export interface RestoreHolderOptions {
  readonly config: Config;
  readonly limits: () => QueueLimits;
  readonly target: Pick<TargetService, "copies" | "restores" | "dismiss">;
  readonly dialer: WsSourceDialer;
  readonly findPeer: (name: string) => Peer;
  readonly version: string;
  readonly failpoint: string | null;
  readonly onChange: () => void;
  readonly log: Log;
}

/** A copy that is here, and what is known against it. */
interface FoundCopy {
  readonly copy: Copy;
  readonly isOnline: boolean;
  readonly doubt: string | null;
}

interface Serving {
  readonly run: RestoreRun;
  readonly gate: RestoreGate;
  readonly copyKey: string;
  readonly peer: string;
}

/** A receiver that does not call for so long has given up: its source stays held all the same. */
const SILENT_MS = 120_000;
const LOOK_MS = 5_000;
const RUN_KEY = /^[0-9a-f]{32}$/;
/** A longer one would be no news that the receiver takes. */
const DOUBT_MAX = 2000;

export class RestoreHolder {
  readonly #options: RestoreHolderOptions;
  /** By the key of the restore. */
  readonly #serving = new Map<string, Serving>();
  readonly #opening = new Map<string, { readonly copyKey: string; readonly serving: Promise<Serving> }>();
  readonly #ticker: NodeJS.Timeout;

  constructor(options: RestoreHolderOptions) {
    this.#options = options;
    for (const directory of [options.config.stateDir, options.config.queue.directory]) removeRuns(join(directory, "restores"));
    this.#ticker = setInterval(() => this.#dropSilent(), LOOK_MS);
  }

  readonly accept: AcceptRestore = async (peerName, request, call) => {
    const known = await (this.#opening.get(request.key)?.serving ?? this.#serving.get(request.key));
    if (known !== undefined && known.peer === peerName) {
      known.gate.take(call);
      known.gate.tell(known.run.news);
      return;
    }
    const found = this.find(request.repset, peerName, request.connectionKey);
    if (request.isInquiry) {
      refuseUncertain(request.options, found.doubt);
      const offer = { status: "offered", percent: 0, message: null, counts: NOTHING_RESTORED } as const;
      call.tell({ ...offer, mappings: reversed(found.copy.mappings), doubt: found.doubt });
      call.close(new SmError("CHANNEL_LOST", "what there is has been told"));
      return;
    }
    if (found.isOnline) throw new SmError("PEER_BUSY", `the connection of ${found.copy.repset} from ${peerName} is still open here`);
    const { key: copyKey } = found.copy;
    if ([...this.#opening.values()].some((other) => other.copyKey === copyKey))
      throw new SmError("PEER_BUSY", `another restore of ${request.repset} just begins`);
    const serving = this.#serve(peerName, request, found, call);
    this.#opening.set(request.key, { copyKey, serving });
    try {
      await serving;
    } finally {
      this.#opening.delete(request.key);
    }
  };

  /** Of a restore: its receiver needs no more of it. All others are the target's. */
  readonly dismiss: DismissConnection = async (peerName, key) => {
    if (this.#serving.get(key)?.peer === peerName) await this.#drop(key);
    else await this.#options.target.dismiss(peerName, key);
  };

  /** The copy of a set. NOT_FOUND, or USAGE when several are meant. `source`: whose; null = of anybody. */
  find(repset: string, source: string | null, connectionKey: string | null): FoundCopy {
    // No set has a slash in its name: before it stands whose copy is meant.
    const slash = source === null ? repset.lastIndexOf("/") : -1;
    const [name, named] = slash < 0 ? [repset, source] : [repset.slice(slash + 1), repset.slice(0, slash)];
    const all = this.#options.target.copies().filter(({ view }) => view.terms.isRestore !== true && view.terms.repset === name);
    const found = all.filter(({ key, view }) => (named ?? view.terms.peer) === view.terms.peer && (connectionKey ?? key) === key);
    const [first] = found;
    if (first === undefined) {
      const whose = named === null ? "" : ` of ${named}`;
      throw new SmError("NOT_FOUND", `this agent, ${this.#options.config.server.name}, has no copy of replication set ${name}${whose}`);
    }
    if (found.length > 1) {
      const places = found.map(({ view: { terms } }) => `${terms.peer}/${name} (${terms.mappings.map(({ target }) => target).join(", ")})`);
      throw new SmError("USAGE", `there are several copies of ${name}: ${places.join("; ")}`);
    }
    const { key, view, isPaused } = first;
    if (isPaused)
      throw new SmError("JOB_CONFLICT", `${this.#options.config.server.name} is paused, and has not applied all that came: \`sm target resume\` there first`);
    const { rules, mappings, remapLinks, durability, peer } = view.terms;
    return { copy: { key, peer, repset: name, rules, mappings, remapLinks, durability }, isOnline: view.online, doubt: doubtOf(view) };
  }

  /** A run that is not served to a call, but sent to a peer. */
  async send(found: FoundCopy, how: Pick<RestoreRunOptions, "key" | "options" | "receiver" | "onNews">): Promise<RestoreRun> {
    const { dialer } = this.#options;
    refuseUncertain(how.options, found.doubt);
    return this.#run({ ...how, copy: found.copy, doubt: found.doubt, dialer, compression: "off", isCopyLive: true });
  }

  async #serve(peer: string, request: RestoreRequest, { copy, doubt }: FoundCopy, call: RestoreCall): Promise<Serving> {
    const { key, options, compression } = request;
    refuseUncertain(options, doubt);
    // Who asks anew has given up what it asked before.
    for (const [other, { copyKey }] of this.#serving) if (copyKey === copy.key) await this.#drop(other);
    const gate = new RestoreGate();
    const before = this.#options.target.restores.of(copy.key);
    const isPart = options.paths !== null && (before === null || before.isPart);
    const why = `${peer} is being restored from this copy, and sends nothing here before it has its data back`;
    this.#options.target.restores.set(copy.key, { since: before?.since ?? new Date().toISOString(), why, isPart });
    const onNews = (news: RestoreNews): void => {
      if (news.status === "done" && (options.paths === null || isPart)) this.#options.target.restores.clear(copy.key);
      gate.tell(news);
      this.#options.onChange();
    };
    gate.take(call);
    try {
      const run = await this.#run({ key, options, compression, copy, doubt, receiver: peer, dialer: gate, isCopyLive: false, onNews });
      const serving = { run, gate, copyKey: copy.key, peer };
      this.#serving.set(key, serving);
      return serving;
    } catch (error) {
      if (before === null) this.#options.target.restores.clear(copy.key);
      throw error;
    }
  }

  #run(how: Omit<RestoreRunOptions, "config" | "limits" | "findPeer" | "version" | "failpoint" | "log">): Promise<RestoreRun> {
    const { config, limits, findPeer, version, failpoint, log } = this.#options;
    const { repset, peer } = how.copy;
    logEvent(log, "restoreServed", { repset, peer, target: how.receiver }, { ...how.options, paths: how.options.paths?.join(", ") ?? "all" });
    return RestoreRun.open({ ...how, config, limits: limits(), findPeer, version, failpoint, log });
  }

  #dropSilent(): void {
    for (const [key, { gate, run }] of this.#serving) if (gate.silentForMs > SILENT_MS) void this.#drop(key, run);
  }

  async #drop(key: string, only?: RestoreRun): Promise<void> {
    const serving = this.#serving.get(key);
    if (serving === undefined || (only !== undefined && serving.run !== only)) return;
    this.#serving.delete(key);
    serving.gate.close(new SmError("CHANNEL_LOST", "the restore is over"));
    try {
      await serving.run.close();
    } catch (error) {
      this.#options.log.error(`while ending a restore: ${toSmError(error).message}`);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    await Promise.all([...this.#serving.keys()].map((key) => this.#drop(key)));
  }
}

/** Of runs that were cut short with the agent. The directory of the queue is the administrator's: what else has that name there is none of ours. */
function removeRuns(directory: string): void {
  if (!isDirectory(directory)) return;
  for (const key of readdirSync(directory)) if (RUN_KEY.test(key)) rmSync(join(directory, key), { recursive: true, force: true });
}

/** What the source told of the copy last. That it is between two states of the source is no loss. */
function doubtOf({ last }: TargetView): string | null {
  if (last.retrying !== null) return `the copy lacks changes that cannot be written just now: ${last.retrying.message}`.slice(0, DOUBT_MAX);
  return last.doubt?.code === "NOT_A_COPY" ? `the copy may lack something: ${last.doubt.message}`.slice(0, DOUBT_MAX) : null;
}

/** What a copy lacks may be there at its source alone. */
function refuseUncertain({ orphans }: RestoreOptions, doubt: string | null): void {
  if (orphans !== "delete" || doubt === null) return;
  throw new SmError("RESTORE_UNCERTAIN", `nothing is deleted on account of this copy: ${doubt}`);
}
