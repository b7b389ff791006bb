import { statfsSync } from "node:fs";
import { MiB } from "../base/units.js";
import type { Config } from "../config/config.js";
import type { JournalStats } from "../model/journal-port.js";

/** Bytes that the queue of one replication set may hold: in memory, and on disk as configured or as the volume has room. */
export function queueBytesMax({ queue }: Config, { diskBytes }: JournalStats): number {
  const memoryBytes = queue.memoryMiB * MiB;
  if (queue.diskMiB !== null) return memoryBytes + queue.diskMiB * MiB;
  const { bavail, bsize } = statfsSync(queue.directory);
  return memoryBytes + diskBytes + Math.max(0, bavail * bsize - queue.minFreeMiB * MiB);
}
