// Processor time of the calling thread. Node tells that of the whole process only.

import { CLOCK_THREAD_CPUTIME_ID, readClock } from "./clock-reading.js";

/** In microseconds, since the thread began. */
export function threadCpuUs(): number {
  return Number(readClock(CLOCK_THREAD_CPUTIME_ID)) / 1e3;
}
