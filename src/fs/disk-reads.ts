// What the calling thread had read from disks: getrusage(2) of the thread. What lies in memory already is not counted, nor what comes over a network.

import koffi from "koffi";

const RUSAGE_THREAD = 1;
const INBLOCK_OFFSET = 88;
/** Of the unit of ru_inblock, whatever the disk's sectors are. */
const BLOCK_BYTES = 512;

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);
const getrusage = libc.func("int getrusage(int, void*)");
const usage = Buffer.alloc(144);

/** In bytes, since the thread began; what the kernel reads ahead for it counts when it is asked for. */
export function threadDiskBytes(): number {
  getrusage(RUSAGE_THREAD, usage);
  return Number(usage.readBigInt64LE(INBLOCK_OFFSET)) * BLOCK_BYTES;
}
