// Appends records to files at a given rate, each with the monotonic time at which it was written; run as a process of its own.
//   node append-load.mjs DIRECTORY FILES RECORDS_PER_SECOND SECONDS

import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const RECORD_BYTES = 200;
const TICK_MS = 5;

async function main() {
  const [directory = ".", ...numbers] = process.argv.slice(2);
  const [files = 1, perSecond = 1, seconds = 1] = numbers.map(Number);
  const fds = Array.from({ length: files }, (_, at) => openSync(join(directory, `log${at}`), "a"));
  const record = Buffer.alloc(RECORD_BYTES, ".");
  const startedAt = performance.now();
  const total = perSecond * seconds;
  for (let written = 0; written < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1000) * perSecond));
    for (; written < due; written++) {
      record.writeBigUInt64LE(process.hrtime.bigint(), 0);
      writeSync(/** @type {number} */ (fds[written % files]), record);
    }
    await sleep(TICK_MS);
  }
  for (const fd of fds) closeSync(fd);
}

if (process.argv[1]?.endsWith("append-load.mjs")) await main();
