// The agents this one is paired with: name -> pinned certificate and addresses. The file is the truth after a start;
// a removal counts at once, in memory and for open channels, even when the disk then refuses it.

import { join } from "node:path";
import { z } from "zod";
import { SmError, toSmError } from "../base/errors.js";
import type { Peer } from "../model/channel-port.js";
import { isSimulationName } from "../model/simulation.js";
import { LOCALHOST } from "./identity.js";
import { SecretState } from "./secret-state.js";

export const PEERS_MAX = 1000;
export const ADDRESSES_MAX = 16;

export const fingerprintSchema = z.string().regex(/^[0-9a-f]{64}$/);
export const siteNameSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\x00-\x1f\x7f]+$/);
export const addressSchema = z.strictObject({ host: z.string().min(1).max(255), port: z.number().int().min(1).max(65_535) });

const peerSchema = z.strictObject({
  name: siteNameSchema,
  fingerprint: fingerprintSchema,
  next: fingerprintSchema.optional(),
  addresses: z.array(addressSchema).max(ADDRESSES_MAX),
  addedAt: z.iso.datetime(),
});
const fileSchema = z.strictObject({ version: z.literal(1), peers: z.array(peerSchema).max(PEERS_MAX) });

interface PeerFile {
  readonly version: 1;
  readonly peers: readonly Peer[];
}

export class PeerStore {
  readonly #state: SecretState<PeerFile>;
  readonly #byName = new Map<string, Peer>();
  readonly #removedListeners = new Set<(peer: Peer) => void>();
  readonly #replacedListeners = new Set<(name: string, formerFingerprint: string) => void>();

  private constructor(state: SecretState<PeerFile>, peers: readonly Peer[]) {
    this.#state = state;
    for (const peer of peers) this.#byName.set(peer.name, peer);
  }

  static async open(stateDir: string): Promise<PeerStore> {
    const state = new SecretState(join(stateDir, "peers.json"), fileSchema);
    const peers = (await state.read())?.peers ?? [];
    requireDistinct(state.path, peers);
    return new PeerStore(state, peers);
  }

  list(): readonly Peer[] {
    return [...this.#byName.values()];
  }

  get(name: string): Peer | undefined {
    return this.#byName.get(name);
  }

  /** The peer that has this certificate, or announced it. */
  findByFingerprint(fingerprint: string): Peer | undefined {
    for (const peer of this.#byName.values()) if (isPinned(peer, fingerprint)) return peer;
    return undefined;
  }

  /** Takes a certificate beside the one that is pinned. Durable when it resolves. */
  async announce(name: string, next: string): Promise<void> {
    const peer = this.#require(name);
    if (isPinned(peer, next)) return;
    const other = this.findByFingerprint(next);
    if (other !== undefined) throw new SmError("ALREADY_EXISTS", `certificate ${next} is pinned as peer "${other.name}" already, not as "${name}"`);
    await this.#replace(peer, { ...peer, next });
  }

  /** The peer has shown what it announced: the certificate before it is refused when this resolves, and its links are closed. */
  async promote(name: string, shown: string): Promise<void> {
    const peer = this.#byName.get(name);
    if (peer === undefined || peer.next !== shown) return;
    const { next: _next, ...rest } = peer;
    await this.#replace(peer, { ...rest, fingerprint: shown });
    this.#tellReplaced(name, peer.fingerprint);
  }

  /** Calls back when a certificate of a peer is over, because another one took its place. */
  onReplaced(listener: (name: string, formerFingerprint: string) => void): () => void {
    this.#replacedListeners.add(listener);
    return () => this.#replacedListeners.delete(listener);
  }

  /** Throws ALREADY_EXISTS when pinning `fingerprint` under `name` would contradict what is pinned. */
  checkFree(name: string, fingerprint: string): void {
    if (name === LOCALHOST) throw new SmError("ALREADY_EXISTS", `the name "${LOCALHOST}" means this agent itself: no peer can have it`);
    const named = this.#byName.get(name);
    if (named === undefined && isSimulationName(name)) {
      throw new SmError("ALREADY_EXISTS", `the name "${name}" means a simulation: no peer can have it; pair it under another one (--site-name)`);
    }
    if (named !== undefined && !isPinned(named, fingerprint)) {
      throw new SmError("ALREADY_EXISTS", `peer "${name}" is pinned to certificate ${named.fingerprint}, not to ${fingerprint}: remove it first`);
    }
    const other = this.findByFingerprint(fingerprint);
    if (other !== undefined && other.name !== name) {
      throw new SmError("ALREADY_EXISTS", `certificate ${fingerprint} is pinned as peer "${other.name}" already, not as "${name}": remove that one first`);
    }
    if (named === undefined && this.#byName.size >= PEERS_MAX) throw new SmError("REFUSED", `there are ${PEERS_MAX} peers, the most an agent keeps`);
  }

  /** Pins a peer; the same name with the same certificate renews its addresses. */
  async add(peer: Peer): Promise<void> {
    const valid = peerSchema.safeParse(peer);
    if (!valid.success) throw new SmError("USAGE", `peer "${peer.name}" is malformed: ${z.prettifyError(valid.error)}`);
    this.checkFree(peer.name, peer.fingerprint);
    const before = this.#byName.get(peer.name);
    const next = before?.next === peer.fingerprint ? undefined : before?.next;
    await this.#replace(before, next === undefined ? valid.data : { ...valid.data, next });
    if (before !== undefined && before.fingerprint !== peer.fingerprint) this.#tellReplaced(peer.name, before.fingerprint);
  }

  /** Revokes a peer at once. When the file cannot be written the revocation holds until the next start, and the error says so. */
  async remove(name: string): Promise<void> {
    const peer = this.#require(name);
    this.#byName.delete(name);
    for (const listener of this.#removedListeners) listener(peer);
    try {
      await this.#save();
    } catch (error) {
      throw toSmError(error, "FS_IO", `peer "${name}" is revoked until this agent restarts only, because ${this.#state.path} cannot be written`);
    }
  }

  onRemoved(listener: (peer: Peer) => void): () => void {
    this.#removedListeners.add(listener);
    return () => this.#removedListeners.delete(listener);
  }

  #require(name: string): Peer {
    const peer = this.#byName.get(name);
    if (peer === undefined) throw new SmError("NOT_FOUND", `there is no peer "${name}"`);
    return peer;
  }

  /** A disk that refuses the change leaves things as they were, unless the peer was removed, or changed again, meanwhile. */
  async #replace(before: Peer | undefined, after: Peer): Promise<void> {
    this.#byName.set(after.name, after);
    try {
      await this.#save();
    } catch (error) {
      if (this.#byName.get(after.name) === after) {
        if (before === undefined) this.#byName.delete(after.name);
        else this.#byName.set(after.name, before);
      }
      throw error;
    }
  }

  #tellReplaced(name: string, formerFingerprint: string): void {
    for (const listener of this.#replacedListeners) listener(name, formerFingerprint);
  }

  #save(): Promise<void> {
    return this.#state.write(() => ({ version: 1, peers: this.list() }));
  }
}

function isPinned(peer: Peer, fingerprint: string): boolean {
  return peer.fingerprint === fingerprint || peer.next === fingerprint;
}

function requireDistinct(path: string, peers: readonly Peer[]): void {
  const pins = peers.flatMap(({ fingerprint, next }) => (next === undefined ? [fingerprint] : [fingerprint, next]));
  if (new Set(peers.map((p) => p.name)).size !== peers.length || new Set(pins).size !== pins.length) {
    throw new SmError("STATE_CORRUPT", `${path} names a peer or a certificate twice`);
  }
}
