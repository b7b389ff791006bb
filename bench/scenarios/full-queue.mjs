// A target that is away while far more changes than the queue holds.

import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { AgentPair } from "../lib/agents.mjs";
import { formatBytes } from "../lib/statistics.mjs";

export const title = "A target that was away";

const MiB = 1024 * 1024;
const FILE_MIB = 4;
const ROUNDS = 5;
const CONFIG = "queue:\n  memoryMiB: 64\n  diskMiB: 200\n";

function writeFiles(/** @type {string} */ directory, /** @type {number} */ count, /** @type {number} */ seed) {
  mkdirSync(directory, { recursive: true });
  const block = Buffer.alloc(MiB);
  for (let file = 0; file < count; file++) {
    const fd = openSync(join(directory, `f${file}`), "w");
    for (let at = 0; at < FILE_MIB; at++) {
      for (let word = 0; word < MiB; word += 8) block.writeDoubleLE(Math.sin(seed + file * 31 + at) * (word + 1), word);
      writeSync(fd, block);
    }
    closeSync(fd);
  }
}

/** @returns {Promise<import("../lib/contest.mjs").Table | undefined>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  if (context.only !== "both") return undefined;
  const files = Math.max(4, Math.round(256 * context.scale));
  const { path } = context.source;
  /** @type {string[][]} */
  const rows = [];
  for (let at = 0; at < context.runs; at++) {
    context.source.renew();
    context.target.renew();
    writeFiles(join(path, "untouched"), files, 1);
    writeFiles(join(path, "changed"), files, 2);
    const agents = await AgentPair.open(context.work, { config: CONFIG });
    try {
      const { id } = await agents.mirror(path, context.target.path);
      await agents.sync(id);
      const mirrorPeak = agents.sourcePeakBytes();
      await agents.stopTarget();
      for (let round = 0; round < ROUNDS; round++) writeFiles(join(path, "changed"), files, 3 + round);
      while ((await agents.look(id)).repair.places === 0) await new Promise((resolve) => setTimeout(resolve, 100));
      const peak = agents.sourcePeakBytes();
      const readBefore = agents.sourceReadBytes();
      const startedAt = performance.now();
      await agents.startTarget();
      await agents.sync(id);
      const seconds = (performance.now() - startedAt) / 1000;
      const { sentBytes, repair, mirror } = await agents.look(id);
      if (repair.pending !== 0 || mirror.id !== 1) throw new Error(`not repaired place by place: ${JSON.stringify({ repair, mirror })}`);
      const written = files * FILE_MIB * MiB * ROUNDS;
      const read = agents.sourceReadBytes() - readBefore;
      context.say(
        `full-queue: peak ${formatBytes(mirrorPeak)}, ${formatBytes(peak)}, ${formatBytes(agents.sourcePeakBytes())}; repaired in ${seconds.toFixed(1)} s, sent ${formatBytes(sentBytes)}`,
      );
      rows.push([formatBytes(written), formatBytes(mirrorPeak), formatBytes(agents.sourcePeakBytes()), `${seconds.toFixed(1)} s`, formatBytes(read)]);
    } finally {
      await agents.close();
    }
  }
  return {
    title,
    note: `The queue may hold 64 MiB in memory and 200 MiB on disk. ${files} files of ${FILE_MIB} MiB are written ${ROUNDS} times while the target is away, as many are not touched. Then the target comes back; read: by the source agent until all is in sync again, from files, sockets and its queue.`,
    columns: ["written", "memory of the source agent at its peak, mirror", "and after everything", "in sync again after", "read meanwhile"],
    rows,
  };
}
