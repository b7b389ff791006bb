import fc from "fast-check";
import { expect, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { Answer } from "../../src/model/change.js";
import type { Ack, Doubt, Hello, Welcome } from "../../src/model/session.js";
import { encodeAckFrames } from "../../src/transport/ack-frames.js";
import { decodeFrame, encodeCopy, encodeHello, encodeProbe, encodeWelcome, type Frame } from "../../src/transport/frame-codec.js";
import { packSet, unpackSet } from "../../src/transport/set-compression.js";
import { progressOf } from "../support/acks.js";
import { sampleHello, sampleSet, sampleWelcome } from "../support/transport-fixture.js";

const latin1 = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)), minLength: 1, maxLength: 40 });
const name = latin1.map((text) => text.replaceAll("/", "_")).filter((text) => text !== "." && text !== "..");
const path = fc.array(name, { maxLength: 4 }).map((names) => names.join("/") as BytePath);
const seq = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const at = { seq, root: fc.nat({ max: 4096 }), path };
const why = fc.constantFrom("missing", "type", "content", "attr", "link");
const base = fc.record({ size: seq, mtimeSec: fc.maxSafeInteger(), mtimeNsec: fc.nat({ max: 999_999_999 }) });
const sums = fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 }), { maxLength: 20 }).map((list) => Buffer.concat(list));
const differs = fc.array(fc.record({ name: fc.oneof(name, fc.constant("")), why }), { maxLength: 30 });

const shared = fc.array(fc.record({ name, inode: fc.string({ maxLength: 64 }), links: fc.nat({ max: 0xffffffff }) }), { maxLength: 30 });
const compared = { kind: fc.constant("compare" as const), ...at, differs, extras: fc.array(name, { maxLength: 30 }), removed: seq };

const text = fc.string({ maxLength: 200 });
const orphan = fc.record({ name, isDirectory: fc.boolean(), files: seq, directories: seq, bytes: seq, kept: seq, failed: seq, why: fc.option(text) });

const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record(compared),
  fc.record({ ...compared, shared }),
  fc.record({ kind: fc.constant("sums" as const), ...at, base: fc.option(base), sums }),
  fc.record({
    kind: fc.constant("orphans" as const),
    ...at,
    total: seq,
    found: fc.array(orphan, { maxLength: 20 }),
    next: fc.option(name),
    refused: fc.option(text),
  }),
  fc.record({ kind: fc.constant("stale" as const), ...at, reason: fc.string({ maxLength: 2000 }) }),
  fc.record({ kind: fc.constant("problem" as const), ...at, code: fc.string({ maxLength: 64 }), message: fc.string({ unit: "grapheme", maxLength: 100 }) }),
) as fc.Arbitrary<Answer>;

const time = fc.double({ min: 0, max: 8.64e15, noNaN: true }).map((value) => (value === 0 ? 0 : value));
const retrying = fc.record({ code: fc.string({ maxLength: 64 }), path: fc.string(), message: fc.string(), sinceMs: time, attempts: fc.maxSafeInteger() });
const doubt: fc.Arbitrary<Doubt> = fc.record({
  code: fc.constantFrom("NOT_A_COPY", "REPAIRS_PENDING", "FORCED", "STAGE_LIMIT", "STAGE_FAILED", "NO_CUT_YET"),
  message: fc.string({ maxLength: 2000 }),
  sinceMs: time,
});
const seqs = fc.tuple(seq, seq, seq).map((three) => three.sort((a, b) => a - b) as [number, number, number]);
const ack: fc.Arbitrary<Ack> = fc
  .record({
    seqs,
    durableSeq: seq,
    answers: fc.array(answer, { maxLength: 8 }),
    retrying: fc.option(retrying),
    consistentTimeMs: time,
    doubt: fc.option(doubt),
  })
  .map(({ seqs: [consistentSeq, appliedSeq, takenSeq], ...rest }) => ({ ...rest, consistentSeq, appliedSeq, takenSeq }));
const hex = (length: number): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const absolute = fc.string({ maxLength: 50 }).map((text) => `/${text}`);
const hello: fc.Arbitrary<Hello> = fc.record({
  connectionKey: hex(32),
  connectionId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  repset: fc.string({ minLength: 1, maxLength: 255 }),
  generation: seq,
  rules: fc.array(fc.record({ path: absolute, mode: fc.constantFrom("include", "exclude"), recursive: fc.boolean() }), { maxLength: 10 }),
  mappings: fc.array(fc.record({ source: absolute, target: absolute }), { minLength: 1, maxLength: 10 }),
  epoch: hex(16),
  remapLinks: fc.boolean(),
  durability: fc.constantFrom("none", "write", "fsync"),
  compression: fc.constantFrom("off", "lz4", "brotli"),
  sourceTimeMs: time,
  machine: fc.string({ maxLength: 256 }),
  origins: fc.array(fc.record({ place: fc.constantFrom("/t", "/t/x"), agent: hex(64), path: fc.constant("/s"), key: hex(32) }), { maxLength: 3 }),
  version: fc.string({ maxLength: 64 }),
});
const welcome: fc.Arbitrary<Welcome> = fc.record({
  appliedSeq: seq,
  durableSeq: seq,
  resumed: fc.boolean(),
  suspect: fc.boolean(),
  empty: fc.boolean(),
  limits: fc.array(fc.string({ maxLength: 500 }), { maxLength: 20 }),
  targetTimeMs: time,
  version: fc.string({ maxLength: 64 }),
  name: fc.string({ maxLength: 255 }),
});

test("every acknowledgement reads back", () => {
  fc.assert(
    fc.property(ack, (value) => {
      const frames = encodeAckFrames(value, progressOf());
      expect(frames.map(decodeFrame)).toEqual([{ kind: "ack", ack: value }]);
    }),
  );
});

test("every hello and every welcome read back", () => {
  const readsBack = (bytes: Buffer, frame: Frame): void => {
    expect(decodeFrame(bytes)).toEqual(frame);
  };
  fc.assert(fc.property(hello, (value) => readsBack(encodeHello(value), { kind: "hello", hello: value })));
  fc.assert(fc.property(welcome, (value) => readsBack(encodeWelcome(value), { kind: "welcome", welcome: value })));
});

/** A frame, or an SmError PROTOCOL; anything else fails the property. */
function readsOrRefuses(bytes: Buffer): void {
  try {
    decodeFrame(bytes);
  } catch (error) {
    if (!(error instanceof SmError) || error.code !== "PROTOCOL") throw error;
  }
}

test("any flipped, cut or added byte gives a frame or a protocol error", () => {
  const sources = fc.oneof(
    ack.map((value) => encodeAckFrames(value, progressOf())[0] as Buffer),
    hello.map(encodeHello),
    welcome.map(encodeWelcome),
    fc.constantFrom(encodeHello(sampleHello), encodeWelcome(sampleWelcome), encodeProbe(Buffer.alloc(16)), sampleSet(1), encodeCopy({ fromSeq: 5, why: "" })),
  );
  fc.assert(
    fc.property(sources, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(), (frame, where, flip, cut) => {
      const damaged = Buffer.from(frame);
      const index = where % damaged.length;
      damaged[index] = (damaged[index] as number) ^ flip;
      readsOrRefuses(damaged);
      readsOrRefuses(frame.subarray(0, cut % frame.length));
      readsOrRefuses(Buffer.concat([frame, Buffer.from([flip])]));
    }),
    { numRuns: 500 },
  );
});

test("noise gives a protocol error or a frame", () => {
  const framed = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((header) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(header.length);
    return Buffer.concat([length, header]);
  });
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }).map(Buffer.from), framed), readsOrRefuses), { numRuns: 1000 });
});

test.each(["lz4", "brotli"] as const)("a damaged set compressed by %s gives a set or an error value, never a rejection", async (level) => {
  const set = sampleSet(1, Buffer.alloc(6000, "some text that repeats "));
  const packed = await packSet(set, level, 0);
  expect(decodeFrame(packed).kind).toBe(level);
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: packed.length - 1 }), fc.integer({ min: 1, max: 255 }), async (index, flip) => {
      const damaged = Buffer.from(packed);
      damaged[index] = (damaged[index] as number) ^ flip;
      let frame: ReturnType<typeof decodeFrame>;
      try {
        frame = decodeFrame(damaged);
      } catch (error) {
        expect(error).toMatchObject({ code: "PROTOCOL" });
        return;
      }
      if (frame.kind !== "lz4" && frame.kind !== "brotli") return;
      const result = await unpackSet(frame.kind, frame.block, frame.rawBytes);
      expect(Buffer.isBuffer(result) || result.code === "PROTOCOL").toBe(true);
    }),
  );
});
