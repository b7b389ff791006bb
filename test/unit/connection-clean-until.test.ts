// The time before which everything is known to be durably on the target: what a restart compares by content begins there.

import { expect, onTestFinished, vi } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { silentLog } from "../../src/base/log.js";
import { defer } from "../../src/base/wait.js";
import { NOTHING_HELD } from "../../src/connection/guard-record.js";
import type { DirtyPlaces } from "../../src/connection/place-repair.js";
import { SourceConnection } from "../../src/connection/source-connection.js";
import type { SourceChannel } from "../../src/model/channel-port.js";
import { connectionOptionsSchema } from "../../src/model/connection-spec.js";
import type { Journal } from "../../src/model/journal-port.js";
import type { Ack } from "../../src/model/session.js";
import { ackOf } from "../support/acks.js";
import { test } from "../support/journal-fixture.js";

const ID = 7;
const LAG_MS = 10;

/** A connection that streams; `durable` is the target's word, `made` a live set made at that time. */
const SET = { mirror: false, changes: 1, lost: 0, files: 1, changed: new Uint32Array(0), lastPath: "", bytes: Buffer.alloc(0) };

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

async function streaming(journal: Journal) {
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
  const connection = new SourceConnection({
    record: {
      id: ID,
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
    feed: { send: () => undefined, barrier: async () => 0, insert: async () => 0, probe: async () => ({ pending: 0, repairSeq: 0 }) },
    places: NO_PLACES,
    dialer: { dial: async () => channel },
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
  const stop = new AbortController();
  const running = connection.run(stop.signal);
  onTestFinished(() => void vi.useRealTimers());
  onTestFinished(() => running);
  onTestFinished(() => stop.abort());
  const acknowledge = await heard.promise;
  vi.useFakeTimers({ toFake: ["Date"] });
  const made = (seq: number, timeMs: number): void => {
    vi.setSystemTime(timeMs);
    connection.takeEvent({ kind: "set", seq, connectionId: 0, ...SET });
  };
  const durable = (seq: number): number => {
    acknowledge(ackOf({ appliedSeq: seq }));
    return connection.record.cleanUntilMs;
  };
  return { connection, made, durable };
}

test("moves with the sets that are durable", async ({ journals }) => {
  const { made, durable } = await streaming(await journals.open());
  made(1, 1000);
  made(2, 2000);
  made(4, 4000);
  expect(durable(1)).toBe(1000 - LAG_MS);
  expect(durable(3)).toBe(2000 - LAG_MS);
  expect(durable(4)).toBe(4000 - LAG_MS);
});

test("stays while places wait for repair, and until what repaired them is durable", async ({ journals }) => {
  const { connection, made, durable } = await streaming(await journals.open());
  made(1, 1000);
  expect(durable(1)).toBe(1000 - LAG_MS);
  connection.takeEvent({ kind: "repairs", connectionId: ID, pending: 1, lastSeq: 1 });
  made(2, 2000);
  expect(durable(2)).toBe(1000 - LAG_MS);
  made(3, 3000);
  connection.takeEvent({ kind: "repairs", connectionId: ID, pending: 0, lastSeq: 5 });
  expect(durable(3)).toBe(1000 - LAG_MS);
  made(6, 6000);
  expect(durable(6)).toBe(6000 - LAG_MS);
});
