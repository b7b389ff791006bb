// The target module: takes channels from paired sources and hands their change sets to one apply service per connection.

import { lstatSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { ApplyService } from "../apply/apply-service.js";
import { checkTargetPath, TargetClaims } from "../apply/target-claims.js";
import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { AcceptChannel, TargetChannel } from "../model/channel-port.js";
import type { Mapping } from "../model/connection-spec.js";
import { isLoop } from "../model/repset-roots.js";
import type { Hello, Welcome } from "../model/session.js";
import type { Reason, TargetConnectionReport } from "../model/status.js";

export interface TargetSettings {
  readonly name: string;
  readonly isEnabled: boolean;
  readonly stateDir: string;
  /** The agent's own directories: never a target. */
  readonly ownDirectories: readonly string[];
  readonly allowedRoots: readonly string[];
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
}

export interface TargetServiceOptions {
  readonly settings: TargetSettings;
  readonly machine: string;
  readonly version: string;
  readonly failpoint: string | null;
  readonly onChange: () => void;
  readonly log: Log;
}

interface Session {
  readonly peer: string;
  readonly hello: Hello;
  readonly service: ApplyService;
  channel: TargetChannel | null;
  appliedSeq: number;
  durableSeq: number;
  receivedBytes: number;
  failure: { readonly error: SmError; readonly since: string } | null;
  closed: Promise<void> | null;
}

export class TargetService {
  readonly #options: TargetServiceOptions;
  readonly #claims: TargetClaims;
  readonly #sessions = new Map<string, Session>();
  readonly #opening = new Map<string, Promise<unknown>>();

  private constructor(options: TargetServiceOptions, claims: TargetClaims) {
    this.#options = options;
    this.#claims = claims;
  }

  static async open(options: TargetServiceOptions): Promise<TargetService> {
    const directory = join(options.settings.stateDir, "target");
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return new TargetService(options, await TargetClaims.open(directory));
  }

  /** Decides on an incoming hello; one at a time per connection, so that two channels never apply at once. */
  readonly accept: AcceptChannel = async (peer, hello) => {
    const key = hello.connectionKey;
    const before = this.#opening.get(key) ?? Promise.resolve();
    const opening = before.then(() => this.#open(peer, hello));
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
  };

  async #open(peer: string, hello: Hello): Promise<{ welcome: Welcome; take: (channel: TargetChannel) => void }> {
    const { settings, machine, version, failpoint, log } = this.#options;
    if (!settings.isEnabled) throw new SmError("REFUSED", `the target module of ${settings.name} is switched off (target.enabled)`);
    await this.#end(hello.connectionKey);
    for (const mapping of hello.mappings) {
      checkTargetPath(mapping.target, { allowedRoots: settings.allowedRoots, ownDirectories: settings.ownDirectories });
      if (hello.machine === machine) refuseLoop(mapping);
    }
    await this.#claim(peer, hello);
    const service = await ApplyService.open({
      connectionKey: hello.connectionKey,
      stateDirectory: join(settings.stateDir, "target", hello.connectionKey),
      epoch: hello.epoch,
      mappings: hello.mappings,
      rules: hello.rules,
      remapLinks: hello.remapLinks,
      durability: hello.durability,
      retryInitialMs: settings.retryInitialMs,
      retryMaxMs: settings.retryMaxMs,
      failpoint,
      log,
    });
    const { appliedSeq, durableSeq, resumed, suspect, empty, limits } = service.opened;
    const session: Session = { peer, hello, service, channel: null, appliedSeq, durableSeq, receivedBytes: 0, failure: null, closed: null };
    this.#sessions.set(hello.connectionKey, session);
    const welcome: Welcome = { appliedSeq, durableSeq, resumed, suspect, empty, limits: [...limits], targetTimeMs: Date.now(), version, name: settings.name };
    return { welcome, take: (channel) => this.#take(session, channel) };
  }

  /** A place of another connection of the same source that is gone may be taken over; anybody else's may not. */
  async #claim(peer: string, hello: Hello): Promise<void> {
    const claim = { key: hello.connectionKey, peer, repset: hello.repset, mappings: hello.mappings };
    const blocking = this.#claims.conflicts(claim).filter((other) => other.peer === peer && !this.#sessions.has(other.key));
    for (const other of blocking) await this.#claims.release(other.key);
    await this.#claims.register(claim);
  }

  #take(session: Session, channel: TargetChannel): void {
    const { service } = session;
    const { log, onChange } = this.#options;
    session.channel = channel;
    service.onAck((ack) => {
      session.appliedSeq = ack.appliedSeq;
      session.durableSeq = ack.durableSeq;
      channel.release(ack.appliedBytes);
      channel.sendAck({ appliedSeq: ack.appliedSeq, durableSeq: ack.durableSeq, answers: ack.answers, retrying: ack.retrying });
      onChange();
    });
    service.onFailure((error) => {
      session.failure = { error, since: new Date().toISOString() };
      log.error(`the target of ${session.hello.repset} from ${session.peer} failed: ${error.message}`, { code: error.code });
      void channel.close(error);
    });
    channel.onSet((bytes) => {
      session.receivedBytes += bytes.length;
      service.push(bytes);
    });
    void channel.ended.then((reason) => {
      log.info(`channel of ${session.hello.repset} from ${session.peer} ended: ${reason.message}`);
      session.channel = null;
      onChange();
      return this.#end(session.hello.connectionKey, session);
    });
    onChange();
  }

  /** Ends a session: what was received is applied first. `only` guards against ending a successor. */
  async #end(key: string, only?: Session): Promise<void> {
    const session = this.#sessions.get(key);
    if (session === undefined || (only !== undefined && session !== only)) return session?.closed ?? undefined;
    session.closed ??= this.#close(session);
    await session.closed;
    if (this.#sessions.get(key) === session) this.#sessions.delete(key);
  }

  async #close(session: Session): Promise<void> {
    await session.channel?.close();
    try {
      await session.service.close();
    } catch (error) {
      this.#options.log.error(`while ending a target of ${session.peer}: ${toSmError(error).message}`);
    }
  }

  reports(): readonly TargetConnectionReport[] {
    return [...this.#sessions.values()].map((session) => ({
      connectionId: session.hello.connectionId,
      source: session.peer,
      repset: session.hello.repset,
      mappings: session.hello.mappings,
      online: session.channel !== null,
      appliedSeq: session.appliedSeq,
      durableSeq: session.durableSeq,
      receivedBytes: session.receivedBytes,
      reasons: session.failure === null ? [] : [failureReason(session, session.failure)],
    }));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((key) => this.#end(key)));
  }
}

function failureReason(session: Session, { error, since }: { readonly error: SmError; readonly since: string }): Reason {
  return {
    code: error.code,
    message: error.message,
    object: session.hello.mappings.map((m) => m.target).join(", "),
    since,
    next: "the source connects again by itself",
    nextAt: null,
    command: "sm status",
  };
}

/** Source and target are on one machine: neither may lie inside the other. */
function refuseLoop({ source, target }: Mapping): void {
  const realSource = realOf(source);
  const realTarget = realOf(target);
  if (isLoop(realSource, realTarget)) throw new SmError("LOOP", `the target path ${target} and the source ${source} lie inside each other on this machine`);
}

/** Links resolved in the part of the path that exists. */
function realOf(path: string): string {
  if (path === "/" || lstatSync(path, { throwIfNoEntry: false }) !== undefined) return realpathSync(path);
  return join(realOf(dirname(path)), path.slice(dirname(path).length));
}
