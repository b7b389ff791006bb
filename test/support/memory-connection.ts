// A connection whose target is a few functions in memory: it takes what is sent, and says what a test has it say.

import { SmError } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import { type Deferred, defer } from "../../src/base/wait.js";
import { NOTHING_HELD } from "../../src/connection/guard-record.js";
import type { DirtyPlaces } from "../../src/connection/place-repair.js";
import { SourceConnection } from "../../src/connection/source-connection.js";
import type { SourceChannel } from "../../src/model/channel-port.js";
import { connectionOptionsSchema } from "../../src/model/connection-spec.js";
import type { Journal } from "../../src/model/journal-port.js";
import type { Ack } from "../../src/model/session.js";
import type { SourceCommand } from "../../src/model/source-messages.js";

export const CONNECTION = 7;
export const LAG_MS = 10;

const STATS = { sentBytes: 0, sentCompressedBytes: 0, receivedBytes: 0, unsentBytes: 0, roundTripMs: 0, connectedAtMs: 0 };
const PATH = { mark: async () => null, isBackedUp: false, roundTripMs: 0, leastRoundTripMs: 0, count: 1 };

const NO_PLACES: DirtyPlaces = {
  isEmpty: true,
  figures: { places: 0, files: 0, bytes: 0, since: null },
  take: () => null,
  settle: () => undefined,
  release: () => undefined,
  isThorough: false,
  clear: () => undefined,
  enterPlaces: () => undefined,
  commit: async () => undefined,
  follow: () => undefined,
  tick: () => undefined,
};

const FACTS: Pick<SourceChannel, "welcome" | "remoteAddress" | "sweepsOrphans" | "rebuildsFiles" | "tasks"> = {
  welcome: { appliedSeq: 0, durableSeq: 0, resumed: true, suspect: false, empty: false, limits: [], targetTimeMs: 0, version: "1", name: "t" },
  remoteAddress: "memory",
  sweepsOrphans: true,
  rebuildsFiles: true,
  tasks: "on",
};

export interface MemoryConnection {
  readonly connection: SourceConnection;
  /** To the source worker. */
  readonly commands: SourceCommand[];
  /** Resolves when the target is listened to. */
  readonly heard: Deferred<(ack: Ack) => void>;
}

/** `onDialled`: the target has answered, and the connection does not know it yet. */
export function memoryConnection(journal: Journal, onDialled: (connection: SourceConnection) => void = () => undefined): MemoryConnection {
  const commands: SourceCommand[] = [];
  const ended = defer<SmError>();
  const heard = defer<(ack: Ack) => void>();
  const channel: SourceChannel = {
    ...FACTS,
    sendCopy: () => undefined,
    sendMended: () => undefined,
    onQuarantine: () => undefined,
    compression: "off",
    setCompression: () => undefined,
    sendSet: async () => undefined,
    onAck: (listener) => heard.resolve(listener),
    onPause: () => undefined,
    ended: ended.promise,
    stats: () => STATS,
    path: PATH,
    sockets: () => ({ open: 1, why: "memory" }),
    close: async () => ended.resolve(new SmError("CHANNEL_LOST", "closed")),
  };
  const connection: SourceConnection = new SourceConnection({
    record: {
      id: CONNECTION,
      key: "0".repeat(32),
      repset: "set",
      peer: "target",
      mappings: [{ source: "/s", target: "/t" }],
      options: connectionOptionsSchema.parse({}),
      createdAt: "",
      roots: [],
      epoch: "",
      durableSeq: 0,
      mirrorNeed: null,
      wasMirrored: true,
      cleanUntilMs: 0,
      checkpoint: null,
      guard: NOTHING_HELD,
    },
    journal,
    feed: { send: (command) => void commands.push(command), barrier: async () => 0, insert: async () => 0, probe: async () => ({ pending: 0, repairSeq: 0 }) },
    places: NO_PLACES,
    dialer: {
      dial: async () => {
        onDialled(connection);
        return channel;
      },
    },
    findPeer: () => ({ name: "target", fingerprint: "", addresses: [], addedAt: "" }),
    hello: () => ({}) as never,
    windowBytes: 1,
    repairBelowBytes: () => 1,
    captureLagMs: LAG_MS,
    guardPolicy: () => null,
    save: () => undefined,
    onChange: () => undefined,
    log: silentLog,
  });
  return { connection, commands, heard };
}
