// How long a large set takes to be in sync again after its source agent was killed, or stopped in order, among changes.

import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentPair } from "../lib/agents.mjs";
import { formatBytes, formatSeconds } from "../lib/statistics.mjs";
import { makeSmallFiles } from "../lib/tree-data.mjs";

export const title = "Restart of the source";

const CHANGES = 1000;
/** What changed within so long before a stop is compared in any case: the runs are about the changes that are made in them. */
const REST_MS = 60_000;

/** Changes of every kind, spread over the tree: half of them edits. */
function change(/** @type {string} */ root, /** @type {number} */ files, /** @type {number} */ from, /** @type {number} */ until) {
  for (let at = from; at < until; at++) {
    const number = Math.floor((at * 7919 * 131) % files);
    const directory = join(root, `d${String(Math.floor(number / 100)).padStart(5, "0")}`);
    const file = join(directory, `f${number}`);
    if (at % 10 === 7) writeFileSync(join(directory, `new-${at}`), `new ${at}`);
    else if (at % 10 === 8) rmSync(file, { force: true });
    else if (at % 10 === 9) mkdirSync(join(directory, `made-${at}`), { recursive: true });
    else if (at % 10 === 6) {
      writeFileSync(`${file}.tmp`, `by rename ${at}`);
      renameSync(`${file}.tmp`, file);
    } else appendFileSync(file, `changed ${at}`);
  }
}

/** Seconds from the start of the agent until all is on the target. */
async function restarted(/** @type {AgentPair} */ agents, /** @type {number} */ id) {
  const startedAt = performance.now();
  await agents.startSource();
  while ((await agents.capture())?.state !== "Watching") await sleep(20);
  const known = (performance.now() - startedAt) / 1000;
  await agents.sync(id);
  return { seconds: (performance.now() - startedAt) / 1000, known, read: agents.sourceReadBytes() };
}

/** @returns {Promise<import("../lib/contest.mjs").Table | undefined>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  if (context.only !== "both") return undefined;
  const files = Math.max(1000, Math.round(1_000_000 * context.scale));
  context.source.renew(files + 100_000);
  context.target.renew(files + 100_000);
  makeSmallFiles(context.source.path, files, 64);
  const agents = await AgentPair.open(context.work);
  /** @type {string[][]} */
  const rows = [];
  try {
    const { id } = await agents.mirror(context.source.path, context.target.path);
    let made = 0;
    for (const [how, stop] of /** @type {const} */ ([
      ["killed", () => agents.killSource()],
      ["stopped in order", () => agents.stopSource()],
    ])) {
      /** @type {Awaited<ReturnType<typeof restarted>>[]} */
      const runs = [];
      for (let at = 0; at < context.runs; at++) {
        await agents.sync(id);
        await sleep(REST_MS);
        change(context.source.path, files, made, made + CHANGES / 2);
        await stop();
        change(context.source.path, files, made + CHANGES / 2, made + CHANGES);
        made += CHANGES;
        runs.push(await restarted(agents, id));
        context.say(`restart: ${how}: ${JSON.stringify(runs.at(-1))}`);
      }
      const of = (/** @type {"seconds" | "known" | "read"} */ key) => runs.map((each) => each[key]);
      rows.push([files.toLocaleString("en"), how, formatSeconds(of("known")), formatSeconds(of("seconds")), formatBytes(Math.max(...of("read")))]);
    }
  } finally {
    await agents.close();
  }
  return {
    title,
    note: `${CHANGES} changes of files, half of them before the stop and half while the agent is down; from the start of the agent until the tree is known, and until all is on the target. Read: by the source agent, its own program and the network included.`,
    columns: ["files", "agent", "tree known", "in sync", "read"],
    rows,
  };
}
