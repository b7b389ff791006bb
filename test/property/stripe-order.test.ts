// Messages over several sockets come out in the order of their numbers, whatever way and time each of them took, never too many are
// held, and nothing waits for itself.

import fc from "fast-check";
import { expect, test } from "vitest";
import { HELD_BYTES_MAX, type Stripe, StripeOrder, type StripeSource } from "../../src/transport/stripe-order.js";

const SOCKETS_MAX = 5;
const PIECE_BYTES_MAX = 1024 * 1024;
const zeros = Buffer.alloc(PIECE_BYTES_MAX);

interface Way extends StripeSource {
  readonly onTheWay: (Stripe | null)[];
}

/** `null` = a message without a number, on the first socket. */
function waysOf(plain: number, sends: readonly { readonly socket: number; readonly bytes: number }[]): Way[] {
  const ways: Way[] = Array.from({ length: SOCKETS_MAX }, () => ({ last: 0, onTheWay: [] }));
  for (let at = 0; at < plain; at += 1) ways[0]?.onTheWay.push(null);
  sends.forEach(({ socket, bytes }, at) => {
    ways[socket]?.onTheWay.push({ number: plain + at + 1, bytesTotal: bytes, piece: zeros.subarray(0, bytes) });
  });
  return ways;
}

test("whatever arrives first, what is delivered is in order, bounded and all", () => {
  const send = fc.record({ socket: fc.nat(SOCKETS_MAX - 1), bytes: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.constant(PIECE_BYTES_MAX)) });
  const run = (plain: number, sends: readonly { socket: number; bytes: number }[], choices: readonly number[]): void => {
    const ways = waysOf(plain, sends);
    const delivered: number[] = [];
    const order = new StripeOrder(({ number }) => delivered.push(number));
    let plains = 0;
    for (let step = 0; ; step += 1) {
      const open = ways.filter((way) => way.onTheWay.length > 0);
      if (open.length === 0) break;
      const readable = open.filter((way) => !order.mustWait(way));
      expect(readable.length, "something can be read").toBeGreaterThan(0);
      const way = readable[(choices[step % choices.length] ?? 0) % readable.length] as Way;
      const stripe = way.onTheWay.shift() ?? null;
      if (stripe !== null) order.take(way, stripe);
      else {
        expect(delivered.length, "what has no number comes first").toBe(0);
        plains += 1;
        order.plain(way);
      }
      expect(order.heldBytes).toBeLessThan(HELD_BYTES_MAX + SOCKETS_MAX * (PIECE_BYTES_MAX + 1000));
    }
    expect(plains).toBe(plain);
    expect(delivered).toEqual(sends.map((_, at) => plain + at + 1));
    expect(order.heldBytes).toBe(0);
  };
  fc.assert(fc.property(fc.nat(5), fc.array(send, { maxLength: 200 }), fc.array(fc.nat(100), { minLength: 1 }), run), { numRuns: 200 });
});

const stripe = (number: number): Stripe => ({ number, bytesTotal: 1, piece: Buffer.from("x") });

test.each([
  ["twice on one socket", [1, 1], [0, 0]],
  ["twice, on two", [2, 2], [0, 1]],
  ["twice, the first one delivered", [1, 1], [0, 1]],
  ["backwards on one socket", [3, 2], [0, 0]],
] as const)("a number %s is refused", (_what, numbers, sockets) => {
  const ways: readonly [StripeSource, StripeSource] = [{ last: 0 }, { last: 0 }];
  const order = new StripeOrder(() => undefined);
  order.take(ways[sockets[0]], stripe(numbers[0]));
  expect(() => order.take(ways[sockets[1]], stripe(numbers[1]))).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
});

test("what is held does not keep the memory that it was read in", () => {
  const read = Buffer.alloc(16_384, "y");
  const pieces: Buffer[] = [];
  const order = new StripeOrder(({ piece }) => pieces.push(piece));
  const [first, second] = [{ last: 0 }, { last: 0 }];
  order.take(second, { number: 2, bytesTotal: 10, piece: read.subarray(5, 15) });
  order.take(first, { number: 1, bytesTotal: 10, piece: read.subarray(5, 15) });
  expect(pieces.map(({ buffer }) => buffer.byteLength)).toEqual([16_384, 10]);
});
