// One frame of each kind of sm.1: the bytes as encoded today, and what they mean. The golden file holds the bytes of version 1.

import { SmError } from "../../src/base/errors.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { FROM_PAYLOAD, ZEROS } from "../../src/model/change.js";
import { encodeChangeSet } from "../../src/model/change-set.js";
import { NOTHING_RESTORED, type RestoreNews, type RestoreRequest } from "../../src/model/restore.js";
import type { Ack, QuarantineNews } from "../../src/model/session.js";
import { encodeAckFrames } from "../../src/transport/ack-frames.js";
import {
  encodeCopy,
  encodeGoodbye,
  encodeHello,
  encodeJoin,
  encodeJoined,
  encodeMended,
  encodePart,
  encodePause,
  encodePing,
  encodePong,
  encodeProbe,
  encodeQuarantine,
  encodeReason,
  encodeRestore,
  encodeRestoring,
  encodeStripe,
  encodeWelcome,
  type Frame,
} from "../../src/transport/frame-codec.js";
import { progressOf } from "./acks.js";
import { sampleHello, sampleSet, sampleWelcome } from "./transport-fixture.js";

const path = (text: string): BytePath => text as BytePath;

const sampleAck: Ack = {
  appliedSeq: 9,
  durableSeq: 8,
  answers: [
    {
      kind: "compare",
      seq: 7,
      root: 0,
      path: path("a/b"),
      differs: [
        { name: "", why: "attr" },
        { name: "x\xe9", why: "missing" },
      ],
      extras: ["old"],
      removed: 2,
    },
    {
      kind: "sums",
      seq: 7,
      root: 1,
      path: path("big"),
      base: { size: 131_072, mtimeSec: -1, mtimeNsec: 5 },
      sums: Buffer.from("0102030405060708090a0b0c0d0e0f10", "hex"),
    },
    { kind: "stale", seq: 8, root: 0, path: path("c"), reason: "another size" },
    { kind: "problem", seq: 9, root: 0, path: path(""), code: "FS_DENIED", message: "no" },
  ],
  retrying: { code: "APPLY_RETRY", path: "/copy/c", message: "no space", sinceMs: 1, attempts: 2 },
  takenSeq: 12,
  consistentSeq: 6,
  consistentTimeMs: 1_700_000_000_000,
  doubt: { code: "FORCED", message: "no pause", sinceMs: 3 },
};

const indexAck: Ack = {
  ...sampleAck,
  answers: [
    {
      kind: "index",
      seq: 9,
      root: 0,
      path: path("big"),
      base: { size: 100_000, mtimeSec: 5, mtimeNsec: 6 },
      canRebuild: true,
      entries: Buffer.from("0102030405060708090a0b0c1112131415161718191a1b1c", "hex"),
    },
  ],
};

const rebuildingSet = encodeChangeSet({
  ...{ seq: 3, sourceTimeMs: 1, closed: false, mirror: true },
  changes: [
    { op: "index", root: 0, path: path("big"), blockBytes: 2048, ranges: [0, 1, 7, 2] },
    {
      ...{ op: "rebuild", root: 0, path: path("big"), base: { size: 100_000, mtimeSec: 5, mtimeNsec: 6 }, continues: false },
      ...{ parts: [FROM_PAYLOAD, 5, 65_536, 10, ZEROS, 4096], size: 4111, seed: 0x0102030405060708n, payload: Buffer.from("front") },
      end: { meta: { mode: 0o644, uid: 0, gid: 0, mtimeSec: 7, mtimeNsec: 8, xattrs: [] }, hash: 0x1112131415161718n },
    },
  ],
});

const sampleNews: QuarantineNews = {
  count: 2,
  givenUp: 1,
  shown: [{ id: 1, path: "d/locked", code: "EPERM", message: "cannot open d/locked: EPERM", sinceMs: 1_700_000_000_000, attempts: 3, nextMs: null }],
  asks: [{ root: 0, path: path("d/caf\xe9"), seq: 9 }],
  asked: 4,
  mirror: { ask: 3, isAutomatic: false },
};

const sampleRequest: RestoreRequest = {
  key: "0f".repeat(16),
  repset: "data",
  connectionKey: "00112233445566778899aabbccddeeff",
  options: { overwrite: "newer", checksum: false, orphans: "report", paths: ["/srv/data/x"] },
  compression: "lz4",
  isInquiry: false,
};

const limitedRequest: RestoreRequest = { ...sampleRequest, options: { ...sampleRequest.options, bytesPerSecond: 65_536 } };

const sampleRestoring: RestoreNews = {
  status: "running",
  percent: 40,
  message: null,
  counts: { ...NOTHING_RESTORED, filesTotal: 5, filesDone: 2, leftAlone: 1, leftAloneNames: ["x/y"] },
  mappings: [{ source: "/copy", target: "/srv/data" }],
  doubt: null,
};

const restoringHello = { ...sampleHello, ruleRoots: ["/srv/data"], discardsRestore: true as const };

const joiningHello = { ...sampleHello, joinKey: "ef".repeat(32) };

export type SampleFrame = readonly [bytes: Buffer, frame: Frame];

export const sampleFrames: Readonly<Record<string, SampleFrame>> = {
  hello: [encodeHello(sampleHello), { kind: "hello", hello: sampleHello }],
  welcome: [encodeWelcome(sampleWelcome), { kind: "welcome", welcome: sampleWelcome }],
  refuse: [encodeReason("refuse", new SmError("LOOP", "inside")), { kind: "refuse", code: "LOOP", message: "inside" }],
  bye: [encodeReason("bye", new SmError("CHANNEL_LOST", "stops")), { kind: "bye", code: "CHANNEL_LOST", message: "stops" }],
  ack: [encodeAckFrames(sampleAck, progressOf())[0] as Buffer, { kind: "ack", ack: sampleAck }],
  copy: [encodeCopy({ fromSeq: 9, why: "" }), { kind: "copy", claim: { fromSeq: 9, why: "" } }],
  pause: [encodePause({ pause: "pending", sinceMs: 1000 }), { kind: "pause", pause: { pause: "pending", sinceMs: 1000 } }],
  part: [encodePart(70_000, Buffer.from("piece")), { kind: "part", bytesTotal: 70_000, piece: Buffer.from("piece") }],
  quarantine: [encodeQuarantine(sampleNews), { kind: "quarantine", news: sampleNews }],
  mended: [encodeMended({ ask: 4, seq: 12 }), { kind: "mended", mended: { ask: 4, seq: 12 } }],
  ping: [encodePing(258), { kind: "ping", token: 258 }],
  pong: [encodePong(258), { kind: "pong", token: 258 }],
  goodbye: [encodeGoodbye("0123456789abcdef0123456789abcdef"), { kind: "goodbye", connectionKey: "0123456789abcdef0123456789abcdef" }],
  restore: [encodeRestore(sampleRequest), { kind: "restore", request: sampleRequest }],
  "restore with a limit": [encodeRestore(limitedRequest), { kind: "restore", request: limitedRequest }],
  restoring: [encodeRestoring(sampleRestoring), { kind: "restoring", news: sampleRestoring }],
  "hello of a restore": [encodeHello(restoringHello), { kind: "hello", hello: restoringHello }],
  probe: [encodeProbe(Buffer.alloc(16, 0xab)), { kind: "probe", nonce: Buffer.alloc(16, 0xab) }],
  join: [encodeJoin(Buffer.alloc(32, 0xcd)), { kind: "join", key: Buffer.alloc(32, 0xcd) }],
  joined: [encodeJoined(), { kind: "joined" }],
  stripe: [encodeStripe(7, 300_000, Buffer.from("piece")), { kind: "stripe", number: 7, bytesTotal: 300_000, piece: Buffer.from("piece") }],
  "hello with a join key": [encodeHello(joiningHello), { kind: "hello", hello: joiningHello }],
  "ack with an index": [encodeAckFrames(indexAck, progressOf())[0] as Buffer, { kind: "ack", ack: indexAck }],
  "set that rebuilds": [rebuildingSet, { kind: "set", bytes: rebuildingSet }],
  set: [sampleSet(1), { kind: "set", bytes: sampleSet(1) }],
};
