// What a program that writes much pays for being replicated.

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AgentPair } from "../lib/agents.mjs";
import { median } from "../lib/statistics.mjs";
import { makeSourceTree } from "../lib/tree-data.mjs";

export const title = "What replication costs the program that writes";

export const FIO_MIB = 512;

/** Writes per second. */
export function writeRandomly(/** @type {string} */ directory, /** @type {number} */ seconds) {
  const args = ["--name=random", "--rw=randwrite", "--bs=4k", `--size=${FIO_MIB}m`, "--ioengine=psync", "--time_based", `--runtime=${seconds}`, "--randseed=1"];
  const out = execFileSync("fio", [...args, `--directory=${directory}`, "--output-format=json"], { encoding: "utf8" });
  return JSON.parse(out.slice(out.indexOf("{"))).jobs[0].write.iops;
}

/** Seconds. */
export function unpack(/** @type {string} */ archive, /** @type {string} */ directory) {
  rmSync(join(directory, "tree"), { recursive: true, force: true });
  const startedAt = performance.now();
  execFileSync("tar", ["-xf", archive, "-C", directory]);
  return (performance.now() - startedAt) / 1000;
}

/** @typedef {{ iops: number[]; tar: number[] }} Figures */

async function measure(/** @type {Figures} */ into, /** @type {string} */ archive, /** @type {string} */ directory, /** @type {number} */ seconds) {
  into.iops.push(writeRandomly(directory, seconds));
  into.tar.push(unpack(archive, directory));
}

/** @returns {Promise<import("../lib/contest.mjs").Table | undefined>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  if (context.only !== "both") return undefined;
  const seconds = Math.max(3, Math.round(20 * context.scale));
  const files = Math.max(200, Math.round(48_000 * context.scale));
  const { path } = context.source;
  const archive = join(context.work, "slow.tar");
  context.source.renew();
  mkdirSync(join(path, "tree"));
  makeSourceTree(join(path, "tree"), files);
  execFileSync("tar", ["-cf", archive, "-C", path, "tree"]);
  /** @type {Figures} */
  const alone = { iops: [], tar: [] };
  /** @type {Figures} */
  const replicated = { iops: [], tar: [] };
  for (let at = 0; at < context.runs; at++) {
    context.source.renew();
    await measure(alone, archive, path, seconds);
    context.source.renew();
    context.target.renew();
    const agents = await AgentPair.open(context.work);
    try {
      const { id } = await agents.mirror(path, context.target.path);
      await measure(replicated, archive, path, seconds);
      await agents.sync(id);
    } finally {
      await agents.close();
    }
  }
  const [iops, iopsReplicated, tar, tarReplicated] = [alone.iops, replicated.iops, alone.tar, replicated.tar].map(median);
  if (iops === undefined || iopsReplicated === undefined || tar === undefined || tarReplicated === undefined) throw new Error("nothing was measured");
  context.say(`slowdown: fio ${(iops / iopsReplicated).toFixed(2)}, tar ${(tarReplicated / tar).toFixed(2)}`);
  return {
    title,
    note: `Source, target and program share the two processors and the disk of one machine here; a server that is a source only shares them with the source agent alone. fio writes 4 KiB at random through the page cache, over ${FIO_MIB} MiB for ${seconds} s; the tree has ${files.toLocaleString("en")} files.`,
    columns: ["program", "alone", "replicated", "ratio"],
    rows: [
      ["fio, writes/s", iops.toFixed(0), iopsReplicated.toFixed(0), (iops / iopsReplicated).toFixed(2)],
      ["tar -x", `${tar.toFixed(2)} s`, `${tarReplicated.toFixed(2)} s`, (tarReplicated / tar).toFixed(2)],
    ],
  };
}
