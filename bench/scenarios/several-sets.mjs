// What sets cost each other on one file system: a program writes beside them, into no set, and each set's agent thread hears of it.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AgentPair } from "../lib/agents.mjs";
import { median } from "../lib/statistics.mjs";
import { makeSourceTree } from "../lib/tree-data.mjs";
import { FIO_MIB, unpack, writeRandomly } from "./slowdown.mjs";

export const title = "Several sets on one file system";

const SETS = [0, 1, 4, 8];
const FILES_PER_SET = 1000;

/** @typedef {{ iops: number; tar: number; agent: number }} Figures */

/** @returns {Promise<Figures>} */
async function measure(
  /** @type {import("../lib/contest.mjs").Context} */ context,
  /** @type {number} */ sets,
  /** @type {string} */ archive,
  /** @type {number} */ seconds,
) {
  const { path } = context.source;
  context.source.renew();
  context.target.renew();
  const beside = join(path, "beside");
  mkdirSync(beside);
  const agents = await AgentPair.open(context.work);
  try {
    for (let at = 1; at <= sets; at++) {
      const root = join(path, `set-${at}`);
      mkdirSync(root);
      makeSourceTree(root, FILES_PER_SET);
      await agents.mirror(root, join(context.target.path, `set-${at}`), [], `SET${at}`);
    }
    const before = agents.sourceCpuSeconds();
    const iops = writeRandomly(beside, seconds);
    const tar = unpack(archive, beside);
    return { iops, tar, agent: agents.sourceCpuSeconds() - before };
  } finally {
    await agents.close();
  }
}

/** @returns {Promise<import("../lib/contest.mjs").Table | undefined>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  if (context.only !== "both") return undefined;
  const seconds = Math.max(3, Math.round(20 * context.scale));
  const files = Math.max(200, Math.round(48_000 * context.scale));
  const archive = join(context.work, "several.tar");
  context.source.renew();
  mkdirSync(join(context.source.path, "tree"));
  makeSourceTree(join(context.source.path, "tree"), files);
  execFileSync("tar", ["-cf", archive, "-C", context.source.path, "tree"]);
  const found = new Map(SETS.map((sets) => [sets, /** @type {Figures[]} */ ([])]));
  for (let at = 0; at < context.runs; at++) {
    for (const [sets, figures] of found) figures.push(await measure(context, sets, archive, seconds));
  }
  const rows = [...found].map(([sets, figures]) => {
    const [iops = 0, tar = 0, agent = 0] = [figures.map((each) => each.iops), figures.map((each) => each.tar), figures.map((each) => each.agent)].map(median);
    context.say(`several sets: ${sets}: ${iops.toFixed(0)} writes/s, tar ${tar.toFixed(2)} s, agent ${agent.toFixed(2)} s`);
    return [`${sets}`, iops.toFixed(0), `${tar.toFixed(2)} s`, `${agent.toFixed(2)} s`];
  });
  return {
    title,
    note: `Sets of ${FILES_PER_SET.toLocaleString("en")} files each, at rest, and a program that writes beside them: fio 4 KiB at random through the page cache, over ${FIO_MIB} MiB for ${seconds} s; then tar -x of ${files.toLocaleString("en")} files. The agent: processor time of the source's during both.`,
    columns: ["sets", "fio, writes/s", "tar -x", "source agent"],
    rows,
  };
}
