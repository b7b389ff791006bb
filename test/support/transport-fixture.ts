// Two agents' transports on real TLS sockets, port 0, pinned to each other.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "../../src/base/log.js";
import { defer } from "../../src/base/wait.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { encodeChangeSet } from "../../src/model/change-set.js";
import type { AcceptChannel, DismissConnection, Peer, TargetChannel } from "../../src/model/channel-port.js";
import type { Hello, Welcome } from "../../src/model/session.js";
import type { SocketRule } from "../../src/model/sockets.js";
import { Bootstrap } from "../../src/transport/bootstrap.js";
import { Identity } from "../../src/transport/identity.js";
import { PeerServer, type PeerServerLimits } from "../../src/transport/peer-server.js";
import { PeerStore } from "../../src/transport/peer-store.js";
import { type DialTiming, WsSourceDialer } from "../../src/transport/source-dialer.js";

/** As the configuration has it by default. */
export const COMPRESS_BYTES_MIN = 1024;

export const never = new AbortController().signal;

export const sampleHello: Hello = {
  connectionKey: "00112233445566778899aabbccddeeff",
  connectionId: 7,
  repset: "data",
  generation: 3,
  rules: [{ path: "/srv/data", mode: "include", recursive: true }],
  mappings: [{ source: "/srv/data", target: "/copy" }],
  epoch: "0123456789abcdef",
  remapLinks: true,
  durability: "fsync",
  compression: "off",
  sourceTimeMs: 1_700_000_000_000,
  machine: "boot:ns",
  origins: [],
  version: "0.1.0",
};

export const sampleWelcome: Welcome = {
  appliedSeq: 5,
  durableSeq: 4,
  resumed: true,
  suspect: false,
  empty: false,
  limits: ["owners are not kept"],
  targetTimeMs: 1_700_000_000_001,
  version: "0.1.0",
  name: "target",
};

export function sampleSet(seq: number, payload: Buffer = Buffer.from(`payload ${seq}`)): Buffer {
  return encodeChangeSet({
    seq,
    sourceTimeMs: 1,
    closed: true,
    mirror: false,
    changes: [
      {
        op: "file",
        root: 0,
        path: "f" as BytePath,
        start: "replace",
        base: null,
        continues: false,
        extents: [[0, payload.length]],
        holes: [],
        size: payload.length,
        meta: null,
        payload,
      },
    ],
  });
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
}

export function memoryLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (message: string) => void lines.push({ level, message });
  return { lines, error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
}

/** Closes what was opened, last first. */
export class Cleanup {
  readonly #deeds: (() => Promise<unknown> | unknown)[] = [];

  add<T>(thing: T, close: (thing: T) => Promise<unknown> | unknown): T {
    this.#deeds.push(() => close(thing));
    return thing;
  }

  async run(): Promise<void> {
    for (const deed of this.#deeds.splice(0).reverse()) await deed();
  }
}

export async function tempDirectory(cleanup: Cleanup): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sm-transport-"));
  return cleanup.add(directory, () => rm(directory, { recursive: true, force: true }));
}

export interface Agent {
  readonly directory: string;
  readonly identity: Identity;
  readonly peers: PeerStore;
  readonly bootstrap: Bootstrap;
  readonly dialer: WsSourceDialer;
  readonly log: ReturnType<typeof memoryLog>;
}

export async function openAgent(cleanup: Cleanup, name: string, timing: Partial<DialTiming> = {}, sockets: SocketRule = 1): Promise<Agent> {
  const directory = await tempDirectory(cleanup);
  const identity = await Identity.open(directory, name);
  const peers = await PeerStore.open(directory);
  const bootstrap = await Bootstrap.open(directory);
  const log = memoryLog();
  const dialer = cleanup.add(await WsSourceDialer.open({ identity, peers, log, timing, sockets, compressBytesMin: COMPRESS_BYTES_MIN }), (d) => d.close());
  return { directory, identity, peers, bootstrap, dialer, log };
}

export interface Target extends Agent {
  readonly server: PeerServer;
  /** Channels as they were taken. */
  readonly channels: TargetChannel[];
  taken(): Promise<TargetChannel>;
}

/** A target that takes whatever comes, unless `accept` decides otherwise. */
export async function openTarget(
  cleanup: Cleanup,
  limits: Partial<PeerServerLimits> = {},
  accept?: AcceptChannel,
  dismiss: DismissConnection = async () => undefined,
): Promise<Target> {
  const agent = await openAgent(cleanup, "target");
  const channels: TargetChannel[] = [];
  let waiting = defer<TargetChannel>();
  const takeAll: AcceptChannel = async () => ({
    welcome: sampleWelcome,
    take: (channel) => {
      channels.push(channel);
      waiting.resolve(channel);
      waiting = defer();
    },
  });
  const { identity, peers, bootstrap, log } = agent;
  const server = await PeerServer.open({
    identity,
    peers,
    bootstrap,
    listen: { host: "127.0.0.1", port: 0 },
    accept: accept ?? takeAll,
    dismiss,
    log,
    limits,
  });
  cleanup.add(server, (s) => s.close());
  return { ...agent, server, channels, taken: () => waiting.promise };
}

export function peerOf(target: Target, name = "target"): Peer {
  return { name, fingerprint: target.identity.fingerprint, addresses: [target.server.address], addedAt: "2026-01-01T00:00:00.000Z" };
}

/** Pins both ways; returns the target as the source knows it. */
export async function introduce(source: Agent, target: Target): Promise<Peer> {
  const peer = peerOf(target);
  await source.peers.add(peer);
  await target.peers.add({ name: "source", fingerprint: source.identity.fingerprint, addresses: [], addedAt: peer.addedAt });
  return peer;
}
