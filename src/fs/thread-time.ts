// Processor time of the calling thread: clock_gettime(2). Node tells that of the whole process only.

import koffi from "koffi";

const CLOCK_THREAD_CPUTIME_ID = 3;

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);
const clockGettime = libc.func("int clock_gettime(int, void*)");
const time = Buffer.alloc(16);

/** In microseconds, since the thread began. */
export function threadCpuUs(): number {
  clockGettime(CLOCK_THREAD_CPUTIME_ID, time);
  return Number(time.readBigInt64LE(0)) * 1e6 + Number(time.readBigInt64LE(8)) / 1e3;
}
