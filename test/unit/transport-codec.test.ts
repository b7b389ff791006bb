import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { type Answer, type Change, FROM_PAYLOAD } from "../../src/model/change.js";
import { decodeChangeSet, encodeChangeSet } from "../../src/model/change-set.js";
import { scanMsgpack } from "../../src/model/msgpack-scan.js";
import type { Ack } from "../../src/model/session.js";
import { ANSWERS_MAX, encodeAckHeader, NAMES_MAX, SUMS_BYTES_MAX } from "../../src/transport/ack-codec.js";
import { encodeAckFrames } from "../../src/transport/ack-frames.js";
import { ACK_FRAME_BYTES_MAX, decodeFrame, encodeFrame, HEADER_LIMITS, reasonToError } from "../../src/transport/frame-codec.js";
import { packSet, unpackSet } from "../../src/transport/set-compression.js";
import { ackOf, progressOf } from "../support/acks.js";
import { sampleHello, sampleSet } from "../support/transport-fixture.js";
import { type SampleFrame, sampleFrames } from "../support/transport-samples.js";

const path = (text: string): BytePath => text as BytePath;

// The bytes on the wire of today: a change here is a change of the protocol, and then of its version.
const golden = JSON.parse(readFileSync(new URL("golden/protocol-sm.1.json", import.meta.url), "utf8")) as Record<string, string>;

test.each(Object.keys(sampleFrames))("%s has the bytes of the golden file, and reads back", (name) => {
  const [bytes, frame] = sampleFrames[name] as SampleFrame;
  expect(bytes.toString("hex")).toBe(golden[name]);
  expect(decodeFrame(Buffer.from(golden[name] as string, "hex"))).toEqual(frame);
});

test("a set that rebuilds says the same when it is read, and is refused when it is out of bounds", () => {
  const [bytes] = sampleFrames["set that rebuilds"] as SampleFrame;
  const set = decodeChangeSet(bytes);
  expect(encodeChangeSet(set)).toEqual(bytes);
  const [index, rebuild] = set.changes;
  if (index?.op !== "index" || rebuild?.op !== "rebuild") throw new Error("other changes");
  const isRefused = (change: Change): void => expect(() => decodeChangeSet(encodeChangeSet({ ...set, changes: [change] }))).toThrow(SmError);
  for (const ranges of [[1], [5, 1, 2, 1], [-1, 1], [0, 2 ** 33]]) isRefused({ ...index, ranges });
  for (const blockBytes of [0, 256, 3000, 131_072]) isRefused({ ...index, blockBytes });
  for (const parts of [[1], [-3, 5], [FROM_PAYLOAD, 6], [0, 5000], [Number.MAX_SAFE_INTEGER, 5], [0.5, 1]]) isRefused({ ...rebuild, parts });
});

test("the golden file shows every kind of frame", () => {
  expect(Object.keys(golden).sort()).toEqual([...Object.keys(sampleFrames), "lz4", "brotli"].sort());
});

test("the examples of docs/protocol.md are those of the golden file", () => {
  const text = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  const examples = [...text.matchAll(/^(\w+): +([0-9a-f ]+)$/gm)].map(([, kind, hex]) => [kind, hex?.replaceAll(" ", "")]);
  expect(examples.map(([kind]) => kind)).toEqual(["ping", "refuse", "probe", "set", "lz4", "brotli"]);
  for (const [kind, hex] of examples) expect(hex).toBe(golden[kind ?? ""]);
});

test.each(["lz4", "brotli"] as const)("the %s frame of the golden file holds the set it was made of", async (level) => {
  const frame = decodeFrame(Buffer.from(golden[level] as string, "hex"));
  if (frame.kind !== level) throw new Error(`a ${frame.kind} frame`);
  const set = sampleSet(2, Buffer.alloc(5000, "abcdefgh"));
  expect(await unpackSet(level, frame.block, frame.rawBytes)).toEqual(set);
  const packed = decodeFrame(await packSet(set, level, 1024));
  expect(packed).toMatchObject({ kind: level, rawBytes: set.length });
});

const malformed: readonly [string, Buffer][] = [
  ["nothing", Buffer.alloc(0)],
  ["three bytes", Buffer.alloc(3)],
  ["a header longer than the frame", Buffer.from("ff000000" + "91a470696e67", "hex")],
  ["no list", Buffer.from("01000000" + "01" + "00", "hex")],
  ["a kind beyond the header", Buffer.from(`0200000091bf${"00".repeat(40)}`, "hex")],
  ["an unknown kind", encodeFrame(["nope"])],
  ["a ping without token", encodeFrame(["ping"])],
  ["a ping with a fraction", encodeFrame(["ping", 1.5])],
  ["a ping with payload", encodeFrame(["ping", 1], [Buffer.from("x")])],
  ["bytes after the header's value", Buffer.concat([Buffer.from([8, 0, 0, 0]), Buffer.from("92a470696e6701", "hex"), Buffer.from([1])])],
  ["a goodbye without a key", encodeFrame(["goodbye"])],
  ["a goodbye with a path for a key", encodeFrame(["goodbye", "../../../../etc/passwd/0123456789"])],
  ["a short nonce", encodeFrame(["probe", Buffer.alloc(15)])],
  ["a hello of another shape", encodeFrame(["hello", { ...sampleHello, epoch: "short" }])],
  ["a hello with more than there is", encodeFrame(["hello", { ...sampleHello, more: 1 }])],
  ["a hello with too many mappings", encodeFrame(["hello", { ...sampleHello, mappings: Array(257).fill(sampleHello.mappings[0]) }])],
  ["a refusal without words", encodeFrame(["refuse", "LOOP"])],
  ["an extension type", Buffer.from("0c000000" + "92a470696e67" + "c70301000000", "hex")],
  ["a list of four thousand million", Buffer.from("0c000000" + "92a470696e67" + "ddffffffff00", "hex")],
  ["a text of four thousand million", Buffer.from("0c000000" + "92a470696e67" + "dbffffffff00", "hex")],
  ["a map of four thousand million", Buffer.from("0c000000" + "92a470696e67" + "dfffffffff00", "hex")],
  ["lists that claim together what each might have", Buffer.from(`1000000092a470696e67${"9f".repeat(3)}${"00".repeat(6)}`, "hex")],
  ["deep nesting", Buffer.from(`1000000092a470696e67${"91".repeat(9)}00`, "hex")],
  ["an ack with a negative number", encodeFrame(["ack", -1, 0, [], null, -1, 0, 0, null])],
  ["an ack with a path that climbs", encodeFrame(["ack", 1, 0, [[2, 1, 0, "../etc", "x"]], null, 1, 0, 0, null])],
  ["an ack with a name that is a path", encodeFrame(["ack", 1, 0, [[0, 1, 0, "d", ["a/b", 0], [], 0]], null, 1, 0, 0, null])],
  ["an ack with a shared name without its inode", encodeFrame(["ack", 1, 0, [[0, 1, 0, "d", [], [], 0, ["a", "x"]]], null, 1, 0, 0, null])],
  ["an ack with a shared name of a long inode", encodeFrame(["ack", 1, 0, [[0, 1, 0, "d", [], [], 0, ["a", "x".repeat(65), 2]]], null, 1, 0, 0, null])],
  ["an ack with a shared name of no links", encodeFrame(["ack", 1, 0, [[0, 1, 0, "d", [], [], 0, ["a", "x", -1]]], null, 1, 0, 0, null])],
  ["an ack with an empty extra", encodeFrame(["ack", 1, 0, [[0, 1, 0, "d", [], [""], 0]], null, 1, 0, 0, null])],
  ["an ack with half a difference", encodeFrame(["ack", 1, 0, [[0, 1, 0, "d", ["a"], [], 0]], null, 1, 0, 0, null])],
  ["an ack with sums that are not there", encodeFrame(["ack", 1, 0, [[1, 1, 0, "d", null, 16]], null, 1, 0, 0, null], [Buffer.alloc(8)])],
  ["an ack with sums nobody claims", encodeFrame(["ack", 1, 0, [], null, 1, 0, 0, null], [Buffer.alloc(8)])],
  ["an ack with half a sum", encodeFrame(["ack", 1, 0, [[1, 1, 0, "d", null, 7]], null, 1, 0, 0, null], [Buffer.alloc(7)])],
  ["an ack of an unknown answer", encodeFrame(["ack", 1, 0, [[4, 1, 0, "d", "x"]], null, 1, 0, 0, null])],
  ["an ack with a long reason", encodeFrame(["ack", 1, 0, [[2, 1, 0, "d", "x".repeat(2001)]], null, 1, 0, 0, null])],
  ["an ack of the version before", encodeFrame(["ack", 1, 0, [], null])],
  ["an ack that took less than it applied", encodeFrame(["ack", 2, 0, [], null, 1, 0, 0, null])],
  ["an ack that is consistent beyond what it applied", encodeFrame(["ack", 2, 0, [], null, 3, 3, 0, null])],
  ["an ack of a time that is none", encodeFrame(["ack", 2, 0, [], null, 2, 1, Number.NaN, null])],
  ["an ack with an unknown doubt", encodeFrame(["ack", 2, 0, [], null, 2, 1, 0, { code: "MOOD", message: "", sinceMs: 0 }])],
  ["a copy frame without a reason", encodeFrame(["copy", 1])],
  ["a copy frame of a negative set", encodeFrame(["copy", -1, ""])],
  ["a copy frame with a long reason", encodeFrame(["copy", null, "x".repeat(2001)])],
  ["a pause frame with an unknown word", encodeFrame(["pause", "perhaps", 1])],
  ["a pause frame of a time that is none", encodeFrame(["pause", "paused", Number.NaN])],
  ["a pause frame before all time", encodeFrame(["pause", "paused", -1])],
  ["a part of nothing", encodeFrame(["part", 10])],
  ["a part that is the whole", encodeFrame(["part", 4], [Buffer.alloc(4)])],
  ["a part of a message above the limit", encodeFrame(["part", 16 * 1024 * 1024 + 1], [Buffer.alloc(4)])],
  ["a part of half a byte", encodeFrame(["part", 10.5], [Buffer.alloc(4)])],
  ["a join with a short key", encodeFrame(["join", Buffer.alloc(31)])],
  ["a join with a key in words", encodeFrame(["join", "x".repeat(32)])],
  ["a joined frame that says more", encodeFrame(["joined", 1])],
  ["a hello with a short join key", encodeFrame(["hello", { ...sampleHello, joinKey: "ab" }])],
  ["a stripe without a number", encodeFrame(["stripe", 0, 4], [Buffer.alloc(4)])],
  ["a stripe of nothing", encodeFrame(["stripe", 1, 4])],
  ["a stripe of more than its message", encodeFrame(["stripe", 1, 4], [Buffer.alloc(5)])],
  ["a stripe of a message above the limit", encodeFrame(["stripe", 1, 16 * 1024 * 1024 + 1], [Buffer.alloc(4)])],
  ["an lz4 frame that claims a gigabyte", encodeFrame(["lz4", 2 ** 30], [Buffer.from("0000004000", "hex")])],
  ["an lz4 frame whose block says otherwise", encodeFrame(["lz4", 600], [Buffer.from(`59020000${"00".repeat(10)}`, "hex")])],
  ["a brotli frame that claims a gigabyte", encodeFrame(["brotli", 2 ** 30], [Buffer.alloc(100)])],
  ["a brotli frame that claims more than is believed", encodeFrame(["brotli", 100 * 256 + 1], [Buffer.alloc(100)])],
  ["a brotli frame that claims less than it has", encodeFrame(["brotli", 600], [Buffer.alloc(601)])],
  ["a brotli frame of few bytes", encodeFrame(["brotli", 511], [Buffer.alloc(100)])],
  ["an lz4 frame that claims more than lz4 can hold", encodeFrame(["lz4", 65_536], [Buffer.from(`00000100${"00".repeat(10)}`, "hex")])],
];

test.each(malformed)("%s is a protocol error", (_what, bytes) => {
  expect(() => decodeFrame(bytes)).toThrow(expect.objectContaining({ name: "SmError", code: "PROTOCOL" }));
});

test("the scan takes every type that sm.1 uses, and no cut of them", () => {
  const [bytes] = sampleFrames.ack as SampleFrame;
  const header = bytes.subarray(4, 4 + bytes.readUInt32LE(0));
  scanMsgpack(header, HEADER_LIMITS);
  for (let length = 0; length < header.length; length += 1) expect(() => scanMsgpack(header.subarray(0, length), HEADER_LIMITS)).toThrow(SmError);
});

function decodeAll(parts: readonly Buffer[]): Ack[] {
  return parts.map((bytes) => {
    expect(bytes.length).toBeLessThanOrEqual(ACK_FRAME_BYTES_MAX);
    const frame = decodeFrame(bytes);
    if (frame.kind !== "ack") throw new Error(`a ${frame.kind} frame`);
    return frame.ack;
  });
}

test("a large acknowledgement is split, and only its last part moves the sequence numbers", () => {
  const answers: Answer[] = Array.from({ length: ANSWERS_MAX * 2 + 5 }, (_, i) => ({ kind: "stale", seq: i, root: 0, path: path(`f${i}`), reason: "r" }));
  const parts = decodeAll(encodeAckFrames(ackOf({ appliedSeq: 50, durableSeq: 40, answers }), progressOf({ appliedSeq: 3, durableSeq: 2 })));
  expect(parts.length).toBeGreaterThan(2);
  expect(parts.flatMap((ack) => ack.answers)).toEqual(answers);
  expect(new Set(parts.slice(0, -1).map((ack) => `${ack.appliedSeq} ${ack.durableSeq}`))).toEqual(new Set(["3 2"]));
  expect(parts.at(-1)).toMatchObject({ appliedSeq: 50, durableSeq: 40 });
});

test("what no frame can hold becomes a coarser truth", () => {
  const extras = Array.from({ length: NAMES_MAX + 3 }, (_, i) => `${i}`.padStart(255, "\xff"));
  const base = { size: 1, mtimeSec: 0, mtimeNsec: 0 };
  const answers: Answer[] = [
    { kind: "compare", seq: 1, root: 0, path: path("d"), differs: [], extras, removed: 0 },
    { kind: "sums", seq: 1, root: 0, path: path("f"), base, sums: Buffer.alloc(SUMS_BYTES_MAX) },
    { kind: "sums", seq: 1, root: 0, path: path("g"), base, sums: Buffer.alloc(SUMS_BYTES_MAX + 8) },
    { kind: "problem", seq: 1, root: 0, path: path("h"), code: "FS_IO", message: "m".repeat(5000) },
  ];
  const [compare, problem, whole, missing, cut] = decodeAll(encodeAckFrames(ackOf({ appliedSeq: 1, answers }), progressOf())).flatMap((ack) => ack.answers);
  expect(compare?.kind === "compare" && compare.extras.length).toBe(NAMES_MAX);
  expect(problem).toMatchObject({ kind: "problem", path: "d", message: "3 more extra entries of this directory are not listed" });
  expect(whole).toMatchObject({ kind: "sums", base });
  expect(missing).toMatchObject({ kind: "sums", base: null });
  expect(cut?.kind === "problem" && cut.message.length).toBe(2000);
});

test("twenty thousand differences are read within a moment", () => {
  const differs = Array.from({ length: 20_000 }, (_, i) => ({ name: `file-${i}.txt`, why: "missing" as const }));
  const answers: Answer[] = [{ kind: "compare", seq: 1, root: 0, path: path("d"), differs, extras: [], removed: 0 }];
  const [bytes] = encodeAckFrames(ackOf({ appliedSeq: 1, answers }), progressOf());
  const started = performance.now();
  decodeFrame(bytes as Buffer);
  expect(performance.now() - started).toBeLessThan(500);
});

test("reasons of the other side: known codes are kept, its defects are no defects of ours", () => {
  expect(reasonToError({ code: "LOOP", message: "m" }, "t")).toMatchObject({ code: "LOOP", message: "t: m" });
  expect(reasonToError({ code: "toString", message: "m" }, "t")).toMatchObject({ code: "PROTOCOL" });
  expect(reasonToError({ code: "ASSERTION_FAILED", message: "m" }, "t")).toMatchObject({ code: "PROTOCOL" });
});

test("a set says whether it was forced; forced and closed, or of a mirror, is refused", () => {
  const set = { seq: 4, sourceTimeMs: 1, closed: false, mirror: false, changes: [] };
  expect(decodeChangeSet(encodeChangeSet({ ...set, forced: true }))).toEqual({ ...set, forced: true });
  expect(decodeChangeSet(encodeChangeSet({ ...set, forced: false }))).toEqual(set);
  for (const part of [{ closed: true }, { mirror: true }]) {
    expect(() => decodeChangeSet(encodeChangeSet({ ...set, ...part, forced: true }))).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
  }
});

test("a time that no Date can hold is a protocol error: it would end whoever shows it", () => {
  const set = decodeChangeSet(sampleSet(1));
  for (const time of [1e300, 8.64e15 + 2, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    const retrying = { code: "EIO", path: "a", message: "no", sinceMs: time, attempts: 1 };
    const doubt = { code: "FORCED", message: "no", sinceMs: time } as const;
    for (const wrong of [{ retrying }, { doubt }, { consistentTimeMs: time }])
      expect(() => decodeFrame(encodeFrame(encodeAckHeader(ackOf({ appliedSeq: 1, ...wrong })))), `${time}`).toThrow(SmError);
    expect(() => decodeChangeSet(encodeChangeSet({ ...set, sourceTimeMs: time }))).toThrow(SmError);
  }
});

test("a set passes as the very same bytes", () => {
  const bytes = sampleSet(3);
  const frame = decodeFrame(bytes);
  expect(frame.kind === "set" && frame.bytes).toBe(bytes);
  expect(decodeChangeSet(bytes).seq).toBe(3);
});
