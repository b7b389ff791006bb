// The target module: takes channels from paired sources and hands their change sets to one apply service per connection.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type ApplyAck, ApplyService } from "../apply/apply-service.js";
import { type Feed, feedsOf, refuseChainLoops, refuseLocalLoops } from "../apply/loop-check.js";
import { RestoreMarks } from "../apply/restore-marks.js";
import { readStanding } from "../apply/standing.js";
import { checkTargetPath, TargetClaims } from "../apply/target-claims.js";
import { finishForgetting, forgetTarget, type TargetRecords } from "../apply/target-forgetting.js";
import { TargetPauses } from "../apply/target-pauses.js";
import { TargetTasks } from "../apply/target-tasks.js";
import { readTerms, type TargetTerms, termsOf, writeTerms } from "../apply/target-terms.js";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import { type Log, withFields } from "../base/log.js";
import type { AcceptChannel, DismissConnection, TargetChannel } from "../model/channel-port.js";
import type { TargetChoice, TargetControl } from "../model/control-port.js";
import type { Hello, Welcome } from "../model/session.js";
import type { TargetConnectionReport } from "../model/status.js";
import { keysOf, whatOf } from "./target-choice.js";
import type { QuarantinedTarget } from "./target-quarantine.js";
import { type PauseView, reportTarget, type TargetView, viewOf } from "./target-report.js";
import { placeRules, type TargetSettings } from "./target-settings.js";

export interface TargetServiceOptions {
  readonly settings: TargetSettings;
  readonly machine: string;
  readonly version: string;
  readonly failpoint: string | null;
  /** Whether a certificate is, or was, that of this agent; and the one of a peer. */
  readonly isOwn: (fingerprint: string) => boolean;
  readonly fingerprintOf: (peer: string) => string;
  /** A connection with that key goes out from this agent. */
  readonly isConnection: (key: string) => boolean;
  /** Something else flows into this agent than before. */
  readonly onFeeds: () => void;
  readonly onChange: () => void;
  readonly log: Log;
}

interface Session extends Omit<TargetView, "online" | "quarantine"> {
  readonly key: string;
  readonly service: ApplyService;
  feeds: readonly Feed[];
  channel: TargetChannel | null;
  last: TargetView["last"];
  stageFaultSince: string | null;
  /** Nothing is applied, nothing is in progress. */
  isPaused: boolean;
  receivedBytes: number;
  failure: TargetView["failure"];
  closed: Promise<void> | null;
}

export class TargetService implements TargetControl {
  readonly #options: TargetServiceOptions;
  readonly #records: TargetRecords;
  readonly #claims: TargetClaims;
  readonly #pauses: TargetPauses;
  /** Copies that are to be restored before their source may write again. */
  readonly restores: RestoreMarks;
  readonly #tasks: TargetTasks;
  readonly #sessions = new Map<string, Session>();
  /** How the connections that nobody is connected for stood last. */
  readonly #away = new Map<string, TargetView>();
  readonly #opening = new Map<string, Promise<unknown>>();

  private constructor(options: TargetServiceOptions, records: TargetRecords) {
    this.#options = options;
    this.#records = records;
    this.#claims = records.claims;
    this.#pauses = records.pauses;
    this.restores = new RestoreMarks(records.directory);
    this.#tasks = new TargetTasks({ ...options.settings.tasks, writtenPlaces: () => this.writtenPlaces }, options.log);
  }

  static async open(options: TargetServiceOptions): Promise<TargetService> {
    const directory = join(options.settings.stateDir, "target");
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const records = { directory, claims: await TargetClaims.open(directory), pauses: TargetPauses.open(directory) };
    await finishForgetting(records);
    const service = new TargetService(options, records);
    await Promise.all(service.#claims.list.map(({ key }) => service.#resume(key)));
    return service;
  }

  #stateDirectory(key: string): string {
    return join(this.#options.settings.stateDir, "target", key);
  }

  /** Completes what was staged when the agent ended: the copy may be wanted before its source is back, or without it. */
  async #resume(key: string): Promise<void> {
    const { log } = this.#options;
    const stateDirectory = this.#stateDirectory(key);
    try {
      const terms = readTerms(stateDirectory);
      // Its source was never told that it may write here: it claims the place again.
      if (terms === null) return await this.#claims.release(key);
      // What was brought back until then stays; the rest is compared when it is asked for again.
      if (terms.isRestore === true) return await forgetTarget(this.#records, key);
      const { hasLeftovers, point, quarantine, ...seqs } = readStanding(stateDirectory, Date.now(), this.#options.settings.quarantine.limitMs);
      const view = { terms, clockAheadMs: 0, online: false, receivedBytes: 0, failure: null, stageFaultSince: null, quarantine };
      this.#away.set(key, { ...view, last: { ...seqs, ...point, openSinceMs: null, stageFault: null, retrying: null } });
      if (!hasLeftovers) return;
      const session = await this.#openSession(key, terms, { epoch: null, clockAheadMs: 0 });
      logEvent(log, "stagedApplied", { repset: terms.repset, source: terms.peer }, { change: session.last.appliedSeq });
      session.service.onAck((ack) => this.#note(session, ack));
      if (session.service.retrying === null) await this.#end(key);
    } catch (error) {
      const failure = { error: toSmError(error), since: new Date().toISOString() };
      log.error(`what was staged of connection ${key} cannot be applied: ${failure.error.message}`, { code: failure.error.code });
      const away = this.#away.get(key);
      if (away !== undefined) this.#away.set(key, { ...away, failure });
    }
  }

  async #openSession(key: string, terms: TargetTerms, stream: { readonly epoch: string | null; readonly clockAheadMs: number }): Promise<Session> {
    const { settings, failpoint, log } = this.#options;
    const { mappings, rules, ruleRoots, remapLinks, durability } = terms;
    const { stageBytesMax, retryInitialMs, retryMaxMs, quarantine } = settings;
    const isPaused = this.#pauses.sinceOf(key) !== null;
    const service = await ApplyService.open({
      connectionKey: key,
      stateDirectory: this.#stateDirectory(key),
      epoch: stream.epoch,
      ...{ stageBytesMax, retryInitialMs, retryMaxMs, quarantine },
      ...{ mappings, rules, remapLinks, durability },
      ...(ruleRoots === undefined ? {} : { ruleRoots }),
      orphans: { log: settings.orphanLog, ...placeRules(settings, false) },
      tasks: this.#tasks.of(key, this.#stateDirectory(key), terms),
      get stallMs() {
        return settings.stallMs;
      },
      failpoint,
      isPaused,
      log: withFields(log, { connection: terms.connectionId, source: terms.peer, repset: terms.repset }),
    });
    // A person may have said otherwise while it was opened.
    if ((this.#pauses.sinceOf(key) !== null) !== isPaused) service.pause(!isPaused);
    const { appliedSeq, durableSeq } = service.opened;
    const last = { appliedSeq, durableSeq, ...service.point, openSinceMs: null, stageFault: null, retrying: null };
    const { clockAheadMs } = stream;
    const fresh = { channel: null, stageFaultSince: null, isPaused: false, receivedBytes: 0, failure: null, closed: null, feeds: [] };
    const session: Session = { ...fresh, key, terms, service, clockAheadMs, last };
    this.#sessions.set(key, session);
    this.#away.delete(key);
    service.onFailure((error) => this.#fail(session, error));
    return session;
  }

  #note(session: Session, ack: ApplyAck): void {
    session.last = ack;
    if (ack.isPaused !== session.isPaused) {
      session.isPaused = ack.isPaused;
      this.#tellPause(session);
    }
    session.stageFaultSince = ack.stageFault === null ? null : (session.stageFaultSince ?? new Date().toISOString());
    this.#options.onChange();
  }

  #fail(session: Session, error: SmError): void {
    const { repset, peer } = session.terms;
    session.failure = { error, since: new Date().toISOString() };
    logEvent(this.#options.log, "targetFailed", { repset, source: peer, reason: error.message }, { code: error.code });
    void session.channel?.close(error);
  }

  /** Decides on an incoming hello. */
  readonly accept: AcceptChannel = (peer, hello) => this.#inTurn(hello.connectionKey, () => this.#open(peer, hello));

  /** Takes a copy back that this agent asked for. Into a place of its own nobody else decides what may be written. */
  acceptRestore(peer: string, hello: Hello, isOwnPlace: boolean): ReturnType<AcceptChannel> {
    return this.#inTurn(hello.connectionKey, () => this.#open(peer, hello, { isOwnPlace }));
  }

  /** The source ended the connection for good. What came of it whole is applied; what is held, blocked or paused is dropped. */
  readonly dismiss: DismissConnection = (peer, key) =>
    this.#inTurn(key, async () => {
      const claim = this.#claims.of(key);
      if (claim !== undefined && claim.peer !== peer) throw new SmError("REFUSED", `that is a connection of ${claim.peer}, and only it can end it`);
      await this.#forget(key);
      if (claim !== undefined) logEvent(this.#options.log, "sourceForgotten", { repset: claim.repset, source: peer });
    });

  /** One at a time per connection, so that two channels never apply at once. */
  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#opening.get(key) ?? Promise.resolve();
    const opening = before.then(work);
    const settled = opening.then(
      () => undefined,
      () => undefined,
    );
    this.#opening.set(key, settled);
    try {
      return await opening;
    } finally {
      if (this.#opening.get(key) === settled) this.#opening.delete(key);
    }
  }

  /** No source is there for it, or about to be. */
  #isAway(key: string): boolean {
    return (this.#sessions.get(key)?.channel ?? null) === null && !this.#opening.has(key);
  }

  async #forget(key: string): Promise<void> {
    await this.#end(key);
    await this.#tasks.forget(key);
    this.#away.delete(key);
    await forgetTarget(this.#records, key);
    this.#options.onChange();
  }

  async #open(peer: string, hello: Hello, restore?: { readonly isOwnPlace: boolean }): Promise<{ welcome: Welcome; take: (channel: TargetChannel) => void }> {
    const { settings, machine, version, isOwn, fingerprintOf, isConnection, onFeeds } = this.#options;
    const { name, isEnabled } = settings;
    if (!isEnabled && restore === undefined) throw new SmError("REFUSED", `the target module of ${name} is switched off (target.enabled)`);
    logEvent(this.#options.log, "connectionRequest", { source: peer, connection: hello.connectionId, repset: hello.repset });
    await this.#end(hello.connectionKey);
    for (const { target } of hello.mappings) checkTargetPath(target, placeRules(settings, restore?.isOwnPlace === true));
    if (hello.machine === machine) refuseLocalLoops(hello.mappings);
    // What comes back goes no further: the way that it came is held until it is there.
    const feeds = restore === undefined ? feedsOf(hello, fingerprintOf(peer)) : [];
    refuseChainLoops(feeds, isOwn, isConnection);
    await this.#claim(peer, hello);
    const terms = termsOf(peer, hello, restore !== undefined);
    writeTerms(this.#stateDirectory(hello.connectionKey), terms);
    const session = await this.#openSession(hello.connectionKey, terms, { epoch: hello.epoch, clockAheadMs: Date.now() - hello.sourceTimeMs });
    session.feeds = feeds;
    onFeeds();
    const { before, limits, ...standing } = session.service.opened;
    const told = before === null ? standing : { ...standing, before };
    const welcome: Welcome = { ...told, limits: [...limits], targetTimeMs: Date.now(), version, name: settings.name };
    return { welcome, take: (channel) => this.#take(session, channel) };
  }

  /** A place of another connection of the same source that is gone may be taken over; anybody else's may not. */
  async #claim(peer: string, hello: Hello): Promise<void> {
    const claim = { key: hello.connectionKey, peer, repset: hello.repset, mappings: hello.mappings };
    const others = this.#claims.conflicts(claim).filter((other) => other.peer === peer);
    const keys = [hello.connectionKey, ...others.map(({ key }) => key)];
    if (hello.discardsRestore === true) for (const key of keys) this.restores.clear(key);
    else this.restores.refuse(keys);
    // Should it come back after all, it finds nothing known of it, and compares.
    for (const { key } of others) if (this.#isAway(key)) await this.#forget(key);
    await this.#claims.register(claim);
  }

  #take(session: Session, channel: TargetChannel): void {
    const { service, terms } = session;
    const { log, onChange } = this.#options;
    if (session.closed !== null) return void channel.close(new SmError("CHANNEL_LOST", "the target forgot the connection while it was opened"));
    session.channel = channel;
    // Before the acknowledgements: a change that was refused is known before its set is done.
    service.onQuarantine((news) => {
      channel.sendQuarantine(news);
      onChange();
    });
    service.onAck((ack) => {
      this.#note(session, ack);
      const { releasedBytes, openSinceMs: _, stageFault: __, isPaused: ___, ...told } = ack;
      channel.release(releasedBytes);
      channel.sendAck(told);
    });
    if (this.#pauses.sinceOf(session.key) !== null) this.#tellPause(session);
    if (session.failure !== null) void channel.close(session.failure.error);
    channel.onMended((mended) => service.mended(mended));
    channel.onCopy((claim) => service.claim(claim));
    channel.onSet((bytes) => {
      session.receivedBytes += bytes.length;
      service.push(bytes);
    });
    void channel.ended.then((reason) => {
      logEvent(log, "sourceLeft", { source: terms.peer, connection: terms.connectionId, repset: terms.repset, reason: reason.message });
      session.channel = null;
      onChange();
      return this.#end(session.key, session);
    });
    onChange();
  }

  /** Ends a session: what was received is applied first. `only` guards against ending a successor. */
  async #end(key: string, only?: Session): Promise<void> {
    const session = this.#sessions.get(key);
    if (session === undefined || (only !== undefined && session !== only)) return session?.closed ?? undefined;
    session.closed ??= this.#close(session);
    await session.closed;
    if (this.#sessions.get(key) !== session) return;
    this.#sessions.delete(key);
    this.#options.onFeeds();
    this.#away.set(key, { ...viewOf(session), online: false, last: { ...session.last, retrying: null } });
  }

  async #close(session: Session): Promise<void> {
    await session.channel?.close();
    try {
      await session.service.close();
    } catch (error) {
      this.#options.log.error(`while ending a target of ${session.terms.peer}: ${toSmError(error).message}`);
    }
  }

  /** What flows into this agent now. */
  get feeds(): readonly Feed[] {
    return [...this.#sessions.values()].flatMap(({ feeds }) => feeds);
  }

  /** Where sources write, connected or not. */
  get writtenPlaces(): readonly string[] {
    return this.#claims.places;
  }

  reports(): readonly TargetConnectionReport[] {
    const nowMs = Date.now();
    const report = (key: string, view: TargetView): TargetConnectionReport => reportTarget(view, this.#pauseOf(key), nowMs, this.restores.of(key));
    return [...[...this.#sessions.values()].map((session) => report(session.key, viewOf(session))), ...[...this.#away].map(([key, view]) => report(key, view))];
  }

  #pauseOf(key: string): PauseView | null {
    const sinceMs = this.#pauses.sinceOf(key);
    const session = this.#sessions.get(key);
    return sinceMs === null ? null : { sinceMs, isPending: session !== undefined && !session.isPaused };
  }

  #tellPause({ key, channel }: Session): void {
    const pause = this.#pauseOf(key);
    channel?.sendPause(pause === null ? { pause: "no", sinceMs: 0 } : { pause: pause.isPending ? "pending" : "paused", sinceMs: pause.sinceMs });
  }

  async pause(choice: TargetChoice): Promise<readonly TargetConnectionReport[]> {
    const keys = this.#keysOf(choice);
    this.#pauses.pause(keys, Date.now());
    logEvent(this.#options.log, "targetPaused", { what: whatOf(choice) });
    return this.#followPauses();
  }

  async resume(choice: TargetChoice): Promise<readonly TargetConnectionReport[]> {
    const keys = this.#keysOf(choice);
    if (keys !== null && this.#pauses.isAll) throw new SmError("TRANSMISSION_SETTING", "the whole target is paused: resume it with `sm target resume`");
    this.#pauses.resume(keys);
    logEvent(this.#options.log, "targetResumed", { what: whatOf(choice) });
    return this.#followPauses();
  }

  #followPauses(): readonly TargetConnectionReport[] {
    for (const session of this.#sessions.values()) {
      const isPausing = this.#pauses.sinceOf(session.key) !== null;
      session.isPaused &&= isPausing;
      session.service.pause(isPausing);
      this.#tellPause(session);
    }
    this.#options.onChange();
    return this.reports();
  }

  /** Null = all. */
  #keysOf(choice: TargetChoice): readonly string[] | null {
    return keysOf([...this.#sessions.values(), ...[...this.#away].map(([key, view]) => ({ key, terms: view.terms }))], choice);
  }

  async forget(choice: TargetChoice): Promise<readonly TargetConnectionReport[]> {
    const keys = this.#keysOf(choice) ?? [];
    const away = keys.filter((key) => this.#isAway(key));
    if (away.length === 0) throw new SmError("SOURCE_CONNECTED", `the source of connection ${choice.connectionId} is connected: nothing of it is forgotten`);
    const views = away.map((key) => this.#sessions.get(key) ?? this.#away.get(key)).filter((view) => view !== undefined);
    const reports = views.map((view) => reportTarget("service" in view ? viewOf(view) : view, null, Date.now()));
    for (const key of away) await this.#inTurn(key, () => this.#forget(key));
    for (const { repset, source } of reports) logEvent(this.#options.log, "sourceForgotten", { repset, source }, { how: "by hand" });
    return reports;
  }

  /** What is kept of every source, whether it is connected, and whether a person lets nothing be applied. */
  copies(): readonly { readonly key: string; readonly view: TargetView; readonly isPaused: boolean }[] {
    const views = [...[...this.#sessions].map(([key, session]) => [key, viewOf(session)] as const), ...this.#away];
    return views.map(([key, view]) => ({ key, view, isPaused: this.#pauses.sinceOf(key) !== null }));
  }

  /** Every connection, with its worker while there is one. */
  quarantined(): readonly QuarantinedTarget[] {
    const live = [...this.#sessions].map(([key, { terms, service }]) => ({ key, terms, news: service.quarantine, service }));
    const away = [...this.#away].map(([key, { terms, quarantine }]) => ({ key, terms, news: quarantine, service: null }));
    return [...live, ...away].map((one) => ({ ...one, stateDirectory: this.#stateDirectory(one.key), isOpening: this.#opening.has(one.key) }));
  }

  /** What is kept of a connection that nobody is connected for has changed. */
  reread(key: string): void {
    const away = this.#away.get(key);
    if (away === undefined) return;
    const { point, quarantine } = readStanding(this.#stateDirectory(key), Date.now(), this.#options.settings.quarantine.limitMs);
    this.#away.set(key, { ...away, last: { ...away.last, ...point }, quarantine });
    this.#options.onChange();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((key) => this.#end(key)));
    await this.#tasks.close();
  }
}
