// How the C library keeps freed memory, which is where large buffers of Node come from: mallopt(3).

import koffi from "koffi";
import { MiB } from "../base/units.js";

const M_TRIM_THRESHOLD = -1;
const M_TOP_PAD = -2;
const M_MMAP_THRESHOLD = -3;

/**
 * Keeps what buffers of a few MiB used for the next ones. By default each is given back to the kernel and taken anew, and
 * every page of it faults and is zeroed again: a fifth of the processor time of a large transfer. To be called before the
 * first thread starts. False: another C library than glibc, nothing was changed.
 */
export function keepBufferMemory(): boolean {
  try {
    const mallopt = koffi.load("libc.so.6").func("int mallopt(int, int)");
    const settings = [mallopt(M_MMAP_THRESHOLD, 32 * MiB), mallopt(M_TRIM_THRESHOLD, 128 * MiB), mallopt(M_TOP_PAD, 8 * MiB)];
    return settings.every((done) => done === 1);
  } catch {
    return false;
  }
}
