// The smallest rate, and the worst window, held against what they mean: every stretch of time looked at for itself.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Load, longestWait, requiredRate, worstWindow } from "../../src/model/fluid-queue.js";

const loadsArbitrary = fc
  .array(
    fc.record({ pauseMs: fc.oneof(fc.constant(0), fc.nat(60_000)), seconds: fc.integer({ min: 1, max: 30 }), bytes: fc.oneof(fc.constant(0), fc.nat(1e8)) }),
    {
      minLength: 1,
      maxLength: 25,
    },
  )
  .map((steps) => {
    let atMs = 1_700_000_000_000;
    return steps.map(({ pauseMs, seconds, bytes }): Load => {
      const startMs = atMs + pauseMs;
      atMs = startMs + seconds * 1000;
      return { startMs, seconds, bytes };
    });
  });

const endOf = ({ startMs, seconds }: Load): number => startMs + seconds * 1000;

/** All that came in a stretch must leave within it and the lag: so much a second, over all stretches from one beginning to one end. */
function requiredByEachStretch(loads: readonly Load[], lagSeconds: number): number {
  let most = 0;
  for (let first = 0; first < loads.length; first++) {
    let bytes = 0;
    for (const load of loads.slice(first)) {
      bytes += load.bytes;
      most = Math.max(most, bytes / ((endOf(load) - (loads[first] as Load).startMs) / 1000 + lagSeconds));
    }
  }
  return most;
}

function bytesWithin(loads: readonly Load[], fromMs: number, untilMs: number): number {
  return loads.reduce((sum, load) => {
    const overlap = Math.max(0, Math.min(untilMs, endOf(load)) - Math.max(fromMs, load.startMs));
    return sum + (load.bytes * overlap) / (load.seconds * 1000);
  }, 0);
}

test("the required rate is what the hardest stretch of time asks, and not more", () => {
  fc.assert(
    fc.property(loadsArbitrary, fc.nat(120), (loads, lagSeconds) => {
      const rate = requiredRate(loads, lagSeconds);
      const needed = requiredByEachStretch(loads, lagSeconds);
      expect(rate).toBeGreaterThanOrEqual(needed * (1 - 1e-9));
      expect(rate).toBeLessThanOrEqual(needed + 2);
    }),
  );
});

test("at the required rate nothing waits longer than the lag; at a tenth less, something does", () => {
  fc.assert(
    fc.property(loadsArbitrary, fc.nat(120), (loads, lagSeconds) => {
      const rate = requiredRate(loads, lagSeconds);
      if (rate === 0) return;
      expect(longestWait(loads, rate)).toBeLessThanOrEqual(lagSeconds + 1e-6);
      if (rate > 100) expect(longestWait(loads, rate * 0.9)).toBeGreaterThan(lagSeconds);
    }),
  );
});

test("more time never needs a faster link, a faster link never makes a longer wait", () => {
  fc.assert(
    fc.property(loadsArbitrary, fc.nat(100), fc.nat(100), fc.integer({ min: 1, max: 1e7 }), (loads, lag, more, rate) => {
      expect(requiredRate(loads, lag + more)).toBeLessThanOrEqual(requiredRate(loads, lag));
      expect(longestWait(loads, rate * 2)).toBeLessThanOrEqual(longestWait(loads, rate));
    }),
  );
});

test("no window of that length has more than the worst, and the worst has what it says", () => {
  fc.assert(
    fc.property(
      loadsArbitrary,
      fc.integer({ min: 1, max: 200 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
      (loads, seconds, places) => {
        const worst = worstWindow(loads, seconds);
        const [fromMs, untilMs] = [(loads[0] as Load).startMs - seconds * 1000, endOf(loads.at(-1) as Load)];
        for (const place of places) {
          const atMs = fromMs + place * (untilMs - fromMs);
          expect(bytesWithin(loads, atMs, atMs + seconds * 1000)).toBeLessThanOrEqual(worst.bytes + 1);
        }
        expect(Math.abs(worst.bytes - bytesWithin(loads, worst.fromMs, worst.fromMs + seconds * 1000))).toBeLessThanOrEqual(1.01);
      },
    ),
  );
});
