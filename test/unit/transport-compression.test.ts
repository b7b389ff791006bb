import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { brotliCompressSync, constants, createBrotliCompress, deflateRawSync } from "node:zlib";
import { compressSync } from "lz4-napi";
import { expect, test } from "vitest";
import type { SmError } from "../../src/base/errors.js";
import { defer } from "../../src/base/wait.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { encodeChangeSet } from "../../src/model/change-set.js";
import { entropyShare, mayShrink } from "../../src/transport/compressibility.js";
import { OFFER, readOffer } from "../../src/transport/compression-offer.js";
import { decodeFrame, encodeFrame } from "../../src/transport/frame-codec.js";
import { packSet, unpackSet } from "../../src/transport/set-compression.js";
import { type PackedSet, SetInbox } from "../../src/transport/set-inbox.js";
import { eventually } from "../support/eventually.js";
import { SeededRandom } from "../support/seeded-random.js";
import { COMPRESS_BYTES_MIN, sampleSet } from "../support/transport-fixture.js";

const LEVELS = ["lz4", "brotli"] as const;

/** Words in an order that does not repeat. */
function prose(bytes: number): Buffer {
  const words = "the state of a file is what the source had at one moment of its life and nothing else".split(" ");
  const random = new SeededRandom(bytes);
  const out: string[] = [];
  for (let length = 0; length < bytes; length += (out.at(-1)?.length ?? 0) + 1) out.push(random.pick(words));
  return Buffer.from(out.join(" ")).subarray(0, bytes);
}

function setOf(path: string, payload: Buffer): Buffer {
  const at = { op: "file", root: 0, path: path as BytePath, start: "replace", base: null, continues: false } as const;
  const change = { ...at, extents: [[0, payload.length]], holes: [], size: payload.length, meta: null, payload } as const;
  return encodeChangeSet({ seq: 1, sourceTimeMs: 1, closed: true, mirror: false, changes: [change] });
}

function packedOf(frame: Buffer): PackedSet {
  const decoded = decodeFrame(frame);
  if (decoded.kind !== "lz4" && decoded.kind !== "brotli") throw new Error(`a ${decoded.kind} frame`);
  return decoded;
}

test.each(LEVELS)("%s gives back what it was given, of every size", async (level) => {
  for (const bytes of [2000, 50_000, 1024 * 1024, 3_900_000]) {
    const set = sampleSet(bytes, prose(bytes));
    const { kind, block, rawBytes } = packedOf(await packSet(set, level, COMPRESS_BYTES_MIN));
    expect(kind).toBe(level);
    expect(block.length).toBeLessThan(set.length * 0.7);
    expect(set.equals((await unpackSet(kind, block, rawBytes)) as Buffer)).toBe(true);
  }
});

test("brotli saves more than lz4", async () => {
  const set = sampleSet(1, prose(500_000));
  const [lz4, brotli] = await Promise.all(LEVELS.map((level) => packSet(set, level, 0)));
  expect(brotli?.length).toBeLessThan((lz4?.length ?? 0) * 0.7);
});

test.each(LEVELS)("%s: small sets, sets that do not shrink, and all without compression travel as they are", async (level) => {
  const small = sampleSet(1, Buffer.alloc(COMPRESS_BYTES_MIN / 2));
  expect(packSet(small, level, COMPRESS_BYTES_MIN)).toBe(small);
  const noise = sampleSet(1, randomBytes(8192));
  expect(await packSet(noise, level, COMPRESS_BYTES_MIN)).toBe(noise);
  const text = sampleSet(1, prose(100_000));
  expect(packSet(text, "off", 0)).toBe(text);
});

test("what brotli makes smaller than the other side believes travels as lz4", async () => {
  const zeros = sampleSet(1, Buffer.alloc(1024 * 1024));
  const { kind, block, rawBytes } = packedOf(await packSet(zeros, "brotli", 0));
  expect(kind).toBe("lz4");
  expect(zeros.equals((await unpackSet(kind, block, rawBytes)) as Buffer)).toBe(true);
});

test.each(LEVELS)("%s: what is compressed already is seen without compressing it", (level) => {
  const text = prose(400_000);
  const deflated = deflateRawSync(prose(2_000_000));
  expect(mayShrink(setOf("a/notes", text), level)).toBe(true);
  expect(mayShrink(setOf("a/notes", randomBytes(400_000)), level)).toBe(false);
  expect(mayShrink(setOf("a/notes", deflated), level)).toBe(false);
  expect(mayShrink(setOf("a/photo.JPG", text), level)).toBe(false);
  expect(mayShrink(setOf("a.zip/notes", text), level)).toBe(true);
  expect(mayShrink(setOf("a/.zip", text), level)).toBe(true);
  // Half of it is text.
  expect(mayShrink(setOf("mixed", Buffer.concat([randomBytes(200_000), text.subarray(0, 200_000)])), level)).toBe(true);
});

test("frequent bytes that never repeat are worth brotli, not lz4", () => {
  const nibbles = Buffer.from(randomBytes(200_000).map((byte) => byte & 0x1f));
  expect(entropyShare(nibbles)).toBeCloseTo(5 / 8, 3);
  expect(mayShrink(setOf("n", nibbles), "brotli")).toBe(true);
  expect(mayShrink(setOf("n", nibbles), "lz4")).toBe(false);
});

test.each(LEVELS)("%s: a frame that is damaged, cut, or holds no set, is a value and no throw", async (level) => {
  const body = encodeFrame(["ping", 1], [Buffer.alloc(5000)]);
  const block = level === "lz4" ? compressSync(body) : brotliCompressSync(body);
  expect(await unpackSet(level, block, body.length)).toMatchObject({ code: "PROTOCOL", message: expect.stringContaining("holds no change set") });
  expect(await unpackSet(level, block.subarray(0, block.length - 3), body.length)).toMatchObject({ code: "PROTOCOL" });
  expect(await unpackSet(level, Buffer.from("58020000ff0102", "hex"), 600)).toMatchObject({ code: "PROTOCOL" });
});

test("a brotli block that holds more than it claims is not unpacked further", async () => {
  // Made in pieces: the peak of memory before is that of the test, too.
  const packer = createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
  const bombed = buffer(packer);
  for (let i = 0; i < 256; i += 1) if (!packer.write(Buffer.alloc(1024 * 1024))) await once(packer, "drain");
  packer.end();
  const bomb = await bombed;
  const before = process.resourceUsage().maxRSS;
  expect(await unpackSet("brotli", bomb, 100_000)).toMatchObject({ code: "PROTOCOL" });
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(64 * 1024);
  const less = brotliCompressSync(sampleSet(1, Buffer.alloc(5000)));
  expect(await unpackSet("brotli", less, 600)).toMatchObject({ code: "PROTOCOL" });
});

test("an inbox delivers in order, also what came packed, and stops at the first that is bad", async () => {
  const delivered: Buffer[] = [];
  const failed = defer<SmError>();
  let isListening = false;
  const inbox = new SetInbox({ canDeliver: () => isListening, deliver: (set) => delivered.push(set), fail: (error) => failed.resolve(error) });
  const sets = Array.from({ length: 40 }, (_, i) => sampleSet(i, prose(i % 5 === 0 ? 600_000 : 3000)));
  for (const [i, set] of sets.entries()) {
    if (i % 3 === 0) inbox.push(set);
    else inbox.pushPacked(packedOf(await packSet(set, i % 2 === 0 ? "lz4" : "brotli", 0)));
  }
  expect(delivered).toEqual([]);
  isListening = true;
  inbox.deliver();
  await eventually(() => expect(delivered.length).toBe(sets.length));
  expect(Buffer.concat(delivered).equals(Buffer.concat(sets))).toBe(true);
  inbox.pushPacked({ kind: "brotli", block: Buffer.alloc(100, 0xff), rawBytes: 600 });
  inbox.push(sets[0] as Buffer);
  expect(await failed.promise).toMatchObject({ code: "PROTOCOL" });
  expect(delivered.length).toBe(sets.length);
});

test.each([
  [undefined, "lz4"],
  ["", "off"],
  ["lz4", "lz4"],
  ["lz4, brotli", "brotli"],
  ["zstd,brotli , lz4", "brotli"],
  ["brotli", "off"],
  ["zstd", "off"],
  [["lz4", "brotli"], "brotli"],
  [OFFER, "brotli"],
] as const)("a target that offers %j is sent at most %s", (header, level) => {
  expect(readOffer(header)).toBe(level);
});
