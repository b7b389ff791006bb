// Clocks that Node does not tell, or not finely enough: clock_gettime(2).

import koffi from "koffi";

const CLOCK_REALTIME = 0;
export const CLOCK_THREAD_CPUTIME_ID = 3;
const CLOCK_BOOTTIME = 7;

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);
const clockGettime = libc.func("int clock_gettime(int, void*)");
const time = Buffer.alloc(16);

/** In nanoseconds. */
export function readClock(id: number): bigint {
  clockGettime(id, time);
  return time.readBigInt64LE(0) * 1_000_000_000n + time.readBigInt64LE(8);
}

/** What lies between two readings is known to so much; a thread that is interrupted reads again. */
const GAP_NS_MAX = 20_000n;
const TRIES_MAX = 1000;

/**
 * The wall clock less the time since the boot, in ms. It changes when the wall clock is set, and only then: the kernel slews both alike, and
 * counts a suspension in both. Exact to some 0.01 ms.
 */
export function bootTimeMs(): number {
  let best = { gap: GAP_NS_MAX + 1n, offset: 0n };
  for (let count = 0; count < TRIES_MAX && (count === 0 || best.gap > GAP_NS_MAX); count++) {
    const before = readClock(CLOCK_BOOTTIME);
    const wall = readClock(CLOCK_REALTIME);
    const gap = readClock(CLOCK_BOOTTIME) - before;
    if (count === 0 || gap < best.gap) best = { gap, offset: wall - before - gap / 2n };
  }
  return Number(best.offset) / 1e6;
}
