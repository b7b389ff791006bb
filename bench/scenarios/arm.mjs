// How long the source needs to know a tree, and what that costs in memory.

import { setTimeout as sleep } from "node:timers/promises";
import { AgentPair } from "../lib/agents.mjs";
import { formatBytes, formatSeconds } from "../lib/statistics.mjs";
import { makeSmallFiles } from "../lib/tree-data.mjs";

export const title = "Arming and scanning";

const LOOK_MS = 20;

/** Seconds from the first look at the tree until everything is watched and known. */
async function armed(/** @type {AgentPair} */ agents) {
  for (;;) {
    if ((await agents.capture()) !== undefined) break;
    await sleep(LOOK_MS);
  }
  const startedAt = performance.now();
  while ((await agents.capture())?.state !== "Watching") await sleep(LOOK_MS);
  return (performance.now() - startedAt) / 1000;
}

/** @returns {Promise<import("../lib/contest.mjs").Table | undefined>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  if (context.only !== "both") return undefined;
  const files = Math.max(1000, Math.round(1_000_000 * context.scale));
  context.source.renew(files + 100_000);
  context.target.renew();
  makeSmallFiles(context.source.path, files, 64);
  /** @type {number[]} */
  const seconds = [];
  let peak = 0;
  for (let at = 0; at < context.runs; at++) {
    const agents = await AgentPair.open(context.work);
    try {
      const arming = armed(agents);
      await agents.connect(context.source.path, context.target.path, ["--no-mirror"]);
      seconds.push(await arming);
      peak = Math.max(peak, agents.peaks().source);
    } finally {
      await agents.close();
    }
  }
  context.say(`arm: ${formatSeconds(seconds)}, ${formatBytes(peak)}`);
  return {
    title,
    note: "From the first look at the tree until every change of it is told and every entry is known, its metadata in the cache of the kernel; memory of the source agent at its peak.",
    columns: ["files", "seconds", "memory"],
    rows: [[files.toLocaleString("en"), formatSeconds(seconds), formatBytes(peak)]],
  };
}
