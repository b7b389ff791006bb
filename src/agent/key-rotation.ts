// A rotation of this agent's key (ADR 0048): tells each peer the new certificate, now and again, until all have confirmed it or its time
// is over; then the old key goes. Where a peer cannot be dialled it is made to dial: the answer tells it.

import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Peer } from "../model/channel-port.js";
import type { KeyRotated, KeyRotationReport } from "../model/control-port.js";
import type { Reason } from "../model/status.js";
import { type Identity, LOCALHOST } from "../transport/identity.js";
import type { PeerServer } from "../transport/peer-server.js";
import type { PeerStore } from "../transport/peer-store.js";
import type { WsSourceDialer } from "../transport/source-dialer.js";

export interface KeyRotationOptions {
  readonly identity: Identity;
  readonly peers: PeerStore;
  readonly dialer: Pick<WsSourceDialer, "introduceNext" | "endLinks">;
  readonly server: () => Pick<PeerServer, "endLinks">;
  /** The peer takes the new certificate, and has closed what was open by the old one. */
  readonly onConfirmed: (peer: string) => void;
  readonly onChange: () => void;
  readonly log: Log;
  readonly roundMs?: number;
}

const ROUND_MS = 15_000;
const INTRODUCTION_MS = 10_000;
const AT_ONCE_MAX = 16;
const OVERLAP_SECONDS = 7 * 86_400;

export class KeyRotation {
  readonly #options: KeyRotationOptions;
  /** By peer: why it does not know yet. */
  readonly #whys = new Map<string, string>();
  /** Peers that could not be dialled, and were made to dial. */
  readonly #prompted = new Set<string>();
  readonly #stop = new AbortController();
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(options: KeyRotationOptions) {
    this.#options = options;
    this.#unsubscribe = options.identity.onChanged(() => {
      options.onChange();
      void this.#settle();
    });
  }

  /** Goes on with what was begun before this agent started. */
  start(): void {
    if (this.#options.identity.rotation === null) return;
    this.#keepTrying();
    void this.#tryRound();
  }

  close(): void {
    this.#unsubscribe();
    clearInterval(this.#timer);
    this.#stop.abort();
  }

  async rotate({ isForced, overlapSeconds }: { readonly isForced: boolean; readonly overlapSeconds: number | undefined }): Promise<KeyRotated> {
    const { identity } = this.#options;
    const former = identity.fingerprint;
    await this.#begin(overlapSeconds);
    const fingerprint = identity.newest;
    await this.#tryRound();
    const pairAnew = isForced ? this.#waiting().map(({ name }) => name) : [];
    if (isForced) await this.#drop();
    return { fingerprint, former, rotation: this.report(), pairAnew };
  }

  report(): KeyRotationReport | null {
    const { rotation } = this.#options.identity;
    if (rotation === null) return null;
    const waiting = this.#waiting().map(({ name }) => ({ name, why: this.#whys.get(name) ?? null }));
    return { fingerprint: rotation.next, startedAt: rotation.startedAt, until: rotation.until, waiting };
  }

  reasons(): readonly Reason[] {
    const report = this.report();
    if (report === null || report.waiting.length === 0) return [];
    const { waiting, until, startedAt } = report;
    const names = waiting.map(({ name }) => name).join(", ");
    const message = `a new key of this agent is not confirmed by ${names}${waiting[0]?.why === null ? "" : `: ${waiting[0]?.why}`}`;
    const next = "they are told again and again; then the old key goes, and who has not confirmed is to be paired anew";
    return [{ code: "KEY_ROTATION", message, object: waiting[0]?.name ?? "", since: startedAt, next, nextAt: until, command: "sm peer list" }];
  }

  async #begin(overlapSeconds: number | undefined): Promise<void> {
    const { identity, log } = this.#options;
    const until = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();
    if (identity.rotation === null) {
      this.#whys.clear();
      this.#prompted.clear();
      await identity.begin(new Date().toISOString(), until(overlapSeconds ?? OVERLAP_SECONDS));
      logEvent(log, "keyRotationBegan", { fingerprint: identity.newest });
    } else if (overlapSeconds !== undefined) await identity.setUntil(until(overlapSeconds));
    this.#keepTrying();
  }

  #keepTrying(): void {
    this.#timer ??= setInterval(() => void this.#tryRound(), this.#options.roundMs ?? ROUND_MS).unref();
  }

  #waiting(): readonly Peer[] {
    const { identity, peers } = this.#options;
    return peers.list().filter((peer) => !identity.isConfirmed(peer));
  }

  /** Never rejects: what could not be done is told by the report, and tried again. */
  #tryRound(): Promise<void> {
    this.#round ??= this.#tellAll().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #tellAll(): Promise<void> {
    const waiting = [...this.#waiting()];
    const tellNext = async (): Promise<void> => {
      for (let peer = waiting.shift(); peer !== undefined && !this.#stop.signal.aborted; peer = waiting.shift()) await this.#tell(peer);
    };
    await Promise.all(Array.from({ length: AT_ONCE_MAX }, tellNext));
    await this.#settle();
  }

  async #tell(peer: Peer): Promise<void> {
    const { dialer, server, onConfirmed, onChange } = this.#options;
    try {
      await dialer.introduceNext(peer, AbortSignal.any([this.#stop.signal, AbortSignal.timeout(INTRODUCTION_MS)]));
      this.#whys.delete(peer.name);
      onConfirmed(peer.name);
    } catch (error) {
      const { code, message } = toSmError(error);
      this.#whys.set(peer.name, message);
      onChange();
      if (code !== "CHANNEL_LOST" || this.#prompted.has(peer.name)) return;
      this.#prompted.add(peer.name);
      server().endLinks(peer.fingerprint, new SmError("CHANNEL_LOST", "the key of the target is rotated: dial again"));
    }
  }

  /** Ends the rotation when nobody is waited for, or nobody is waited for any longer. */
  async #settle(): Promise<void> {
    const { rotation } = this.#options.identity;
    if (rotation === null || this.#stop.signal.aborted) return;
    if (this.#waiting().length > 0 && Date.now() < Date.parse(rotation.until)) return;
    await this.#drop().catch((error: unknown) => this.#options.log.error("the old key could not be removed; it is tried again", { error }));
  }

  async #drop(): Promise<void> {
    const { identity, dialer, server, onChange, log } = this.#options;
    const waiting = this.#waiting();
    const former = identity.fingerprint;
    if (!(await identity.drop())) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    const ended = new SmError("CHANNEL_LOST", "the key of this agent was rotated");
    // Of the links that the old key opened those to peers that confirmed are closed by them.
    for (const fingerprint of [former, ...waiting.map((peer) => peer.fingerprint)]) {
      dialer.endLinks(fingerprint, ended);
      server().endLinks(fingerprint, ended);
    }
    if (waiting.length > 0) logEvent(log, "keyDropped", { peers: waiting.map(({ name }) => name).join(", ") });
    logEvent(log, "keyRotationEnded", { fingerprint: identity.fingerprint });
    this.#options.onConfirmed(LOCALHOST);
    onChange();
  }
}
