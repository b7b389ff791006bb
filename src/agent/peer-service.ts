// Peers as the control plane sees them: pairing, listing, revoking.

import { networkInterfaces } from "node:os";
import { SmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { Config } from "../config/config.js";
import { parseEndpoint } from "../config/config.js";
import type { Peer, PeerAddress } from "../model/channel-port.js";
import type { BootstrapToken, IdentityReport, KeyRotated, PeerControl, PeerReport } from "../model/control-port.js";
import type { Bootstrap } from "../transport/bootstrap.js";
import type { Identity } from "../transport/identity.js";
import { redeemToken } from "../transport/pair-redeemer.js";
import type { PeerServer } from "../transport/peer-server.js";
import type { PeerStore } from "../transport/peer-store.js";
import type { WsSourceDialer } from "../transport/source-dialer.js";
import { KeyRotation } from "./key-rotation.js";

export interface PeerServiceOptions {
  readonly config: Config;
  readonly identity: Identity;
  readonly peers: PeerStore;
  readonly bootstrap: Bootstrap;
  readonly dialer: WsSourceDialer;
  /** Where peers reach this agent. */
  readonly server: () => Pick<PeerServer, "address" | "openFrom" | "endLinks">;
  /** The links to this peer may be opened again at once. */
  readonly onPaired: (name: string) => void;
  readonly onChange: () => void;
  readonly log: Log;
}

const IMPORT_DEADLINE_MS = 30_000;

export class PeerService implements PeerControl {
  readonly rotation: KeyRotation;
  readonly #options: PeerServiceOptions;
  readonly #reachable = new Map<string, boolean>();

  constructor(options: PeerServiceOptions) {
    this.#options = options;
    const { onPaired, ...rest } = options;
    this.rotation = new KeyRotation({ ...rest, onConfirmed: onPaired });
  }

  async list(): Promise<readonly PeerReport[]> {
    return this.#options.peers.list().map((peer) => this.#report(peer));
  }

  identity(): IdentityReport {
    const { fingerprint, validFrom, validTo } = this.#options.identity;
    return { fingerprint, validFrom, validTo, rotation: this.rotation.report() };
  }

  rotate(request: { readonly isForced: boolean; readonly overlapSeconds: number | undefined }): Promise<KeyRotated> {
    return this.rotation.rotate(request);
  }

  #report(peer: Peer): PeerReport {
    return { ...peer, reachable: this.#reachable.get(peer.name) ?? null };
  }

  /** The peer by that name; "localhost" is this agent itself. */
  find(name: string): Peer {
    const { peers, identity, server } = this.#options;
    if (name === "localhost") return { name, fingerprint: identity.fingerprint, addresses: [loopback(server().address)], addedAt: "" };
    const peer = peers.get(name);
    if (peer === undefined) throw new SmError("PEER_UNKNOWN", `there is no peer ${JSON.stringify(name)}`);
    return peer;
  }

  async bootstrapCreate(request: {
    readonly siteName: string | undefined;
    readonly addresses: readonly PeerAddress[];
    readonly ttlSeconds: number;
  }): Promise<BootstrapToken> {
    const { bootstrap, identity, config } = this.#options;
    const addresses = request.addresses.length > 0 ? request.addresses : this.#addresses();
    return bootstrap.create({ site: request.siteName ?? config.server.name, addresses, fingerprint: identity.newest, ttlSeconds: request.ttlSeconds });
  }

  async bootstrapImport(request: {
    readonly token: string;
    readonly siteName: string | undefined;
  }): Promise<{ readonly peer: PeerReport; readonly roundTripMs: number }> {
    const { identity, peers, dialer, config, onPaired, log } = this.#options;
    const { peer, roundTripMs } = await redeemToken(request.token, {
      identity,
      peers,
      dialer,
      siteName: request.siteName ?? config.server.name,
      addresses: this.#addresses(),
      signal: AbortSignal.timeout(IMPORT_DEADLINE_MS),
    });
    this.#reachable.set(peer.name, true);
    const [address] = peer.addresses;
    logEvent(
      log,
      "peerPaired",
      { peer: peer.name, address: address === undefined ? "" : `${address.host}:${address.port}` },
      { fingerprint: peer.fingerprint },
    );
    onPaired(peer.name);
    return { peer: this.#report(peer), roundTripMs };
  }

  async remove(name: string): Promise<{ readonly closedChannels: number }> {
    const { peers, dialer, server } = this.#options;
    const fingerprint = peers.get(name)?.fingerprint ?? "";
    const closedChannels = dialer.openTo(fingerprint) + server().openFrom(fingerprint);
    await peers.remove(name);
    this.#reachable.delete(name);
    logEvent(this.#options.log, "peerRemoved", { peer: name });
    return { closedChannels };
  }

  noteReachable(name: string, isReachable: boolean): void {
    this.#reachable.set(name, isReachable);
  }

  /** Where others reach this agent: as configured, else the address it listens on, else those of its interfaces. */
  #addresses(): readonly PeerAddress[] {
    const { config, server } = this.#options;
    const configured = config.server.addresses.map((text) => parseEndpoint(text)).filter((endpoint) => endpoint !== undefined);
    if (configured.length > 0) return configured;
    const { host, port } = server().address;
    if (host !== "0.0.0.0" && host !== "::") return [{ host, port }];
    const found = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter((address) => !address.internal && !address.address.startsWith("fe80"))
      .map((address) => ({ host: address.address, port }));
    return found.length > 0 ? found.slice(0, 8) : [{ host: "127.0.0.1", port }];
  }
}

function loopback({ host, port }: PeerAddress): PeerAddress {
  return { host: host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host, port };
}
