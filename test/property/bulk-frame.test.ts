// Whatever the frames and wherever the stream is cut: large plain messages are taken whole, all else is passed byte by
// byte, and the order between the two is that of the stream.

import fc from "fast-check";
import { expect, test } from "vitest";
import { BULK_BYTES_MIN, BulkReceiver, bulkHeader } from "../../src/transport/bulk-frame.js";

const BYTES_MAX = BULK_BYTES_MIN * 3;

interface Sample {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly reserved: number;
  readonly bytes: number;
  readonly mask: "none" | "zero" | "random";
}

function encode(sample: Sample, seed: number): Buffer {
  const { bytes } = sample;
  const extended = bytes > 65_535 ? 8 : bytes > 125 ? 2 : 0;
  const mask = sample.mask === "none" ? 0 : 4;
  const frame = Buffer.alloc(2 + extended + mask + bytes, seed & 0xff);
  frame[0] = (sample.isFinal ? 0x80 : 0) | sample.reserved | sample.opcode;
  frame[1] = (mask === 0 ? 0 : 0x80) | (extended === 8 ? 127 : extended === 2 ? 126 : bytes);
  if (extended === 2) frame.writeUInt16BE(bytes, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(bytes), 2);
  if (mask > 0) frame.writeUInt32BE(sample.mask === "zero" ? 0 : 0x01020304, 2 + extended);
  return frame;
}

const sampleArbitrary: fc.Arbitrary<Sample> = fc.record({
  opcode: fc.constantFrom(0, 1, 2, 2, 2, 2, 8, 9, 10),
  isFinal: fc.constantFrom(true, true, true, false),
  reserved: fc.constantFrom(0, 0, 0, 0x40),
  bytes: fc.oneof(
    fc.integer({ min: 0, max: 300 }),
    fc.integer({ min: BULK_BYTES_MIN - 2, max: BULK_BYTES_MIN + 2 }),
    fc.integer({ min: 60_000, max: BYTES_MAX + 10 }),
  ),
  mask: fc.constantFrom("none", "zero", "zero", "random"),
});

/** What a reader of the whole stream would say: each frame either taken (its payload) or passed (its bytes). */
function expected(samples: readonly Sample[], isMasked: boolean): string[] {
  const out: string[] = [];
  let isInMessage = false;
  let passed = Buffer.alloc(0);
  samples.forEach((sample, index) => {
    const frame = encode(sample, index);
    const wanted = isMasked ? sample.mask === "zero" : sample.mask === "none";
    const isBulk = sample.opcode === 2 && sample.isFinal && sample.reserved === 0 && wanted && sample.bytes >= BULK_BYTES_MIN && sample.bytes <= BYTES_MAX;
    if (isBulk && !isInMessage) {
      if (passed.length > 0) out.push(`pass ${passed.toString("base64")}`);
      passed = Buffer.alloc(0);
      out.push(`take ${frame.subarray(frame.length - sample.bytes).toString("base64")}`);
      return;
    }
    if (sample.opcode < 8) isInMessage = !sample.isFinal;
    passed = Buffer.concat([passed, frame]);
  });
  if (passed.length > 0) out.push(`pass ${passed.toString("base64")}`);
  return out;
}

function observe(stream: Buffer, cuts: readonly number[], isMasked: boolean): string[] {
  const out: string[] = [];
  let passed = Buffer.alloc(0);
  const flush = (): void => {
    if (passed.length > 0) out.push(`pass ${passed.toString("base64")}`);
    passed = Buffer.alloc(0);
  };
  const receiver = new BulkReceiver({
    isMasked,
    bytesMax: BYTES_MAX,
    pass: (chunk) => {
      passed = Buffer.concat([passed, chunk]);
    },
    take: (message) => {
      flush();
      out.push(`take ${message.toString("base64")}`);
    },
  });
  let at = 0;
  for (const cut of [...cuts].map((share) => Math.floor(share * stream.length)).sort((a, b) => a - b)) {
    // Chunks are used again by whoever reads them: a copy that is wiped shows who kept one.
    const chunk = Buffer.from(stream.subarray(at, cut));
    receiver.push(chunk);
    chunk.fill(0xee);
    at = cut;
  }
  receiver.push(stream.subarray(at));
  flush();
  return out;
}

test("every cut of every sequence of frames gives the same messages in the same order", () => {
  fc.assert(
    fc.property(
      fc.array(sampleArbitrary, { maxLength: 12 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 }),
      fc.boolean(),
      (samples, cuts, isMasked) => {
        const stream = Buffer.concat(samples.map(encode));
        expect(observe(stream, cuts, isMasked)).toEqual(expected(samples, isMasked));
      },
    ),
    { numRuns: 200 },
  );
});

test("a stream of single bytes is followed through every part of every header", () => {
  const samples: Sample[] = [
    { opcode: 9, isFinal: true, reserved: 0, bytes: 5, mask: "zero" },
    { opcode: 2, isFinal: true, reserved: 0, bytes: BULK_BYTES_MIN, mask: "zero" },
    { opcode: 2, isFinal: true, reserved: 0, bytes: 200, mask: "random" },
    { opcode: 2, isFinal: true, reserved: 0, bytes: BULK_BYTES_MIN, mask: "random" },
    { opcode: 2, isFinal: true, reserved: 0, bytes: BULK_BYTES_MIN + 1, mask: "zero" },
  ];
  const stream = Buffer.concat(samples.map(encode));
  const cuts = Array.from(stream, (_, index) => index / stream.length);
  expect(observe(stream, cuts, true)).toEqual(expected(samples, true));
});

test.each([true, false])("its own header is one that it takes (masked: %s)", (isMasked) => {
  const payload = Buffer.alloc(BULK_BYTES_MIN + 17, 3);
  expect(observe(Buffer.concat([bulkHeader(payload.length, isMasked), payload]), [0.5], isMasked)).toEqual([`take ${payload.toString("base64")}`]);
});

test("a length that no number holds is passed on, for the library to refuse", () => {
  const header = bulkHeader(0, true);
  header.writeBigUInt64BE(2n ** 63n - 1n, 2);
  expect(observe(Buffer.concat([header, Buffer.alloc(100)]), [], true)).toEqual([`pass ${Buffer.concat([header, Buffer.alloc(100)]).toString("base64")}`]);
});
