// How soon the target has what large deeds did on the source, and what a steady load costs.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, renameSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AgentPair } from "../lib/agents.mjs";
import { RECORD_BYTES } from "../lib/append-load.mjs";
import { formatBytes, quantile } from "../lib/statistics.mjs";
import { makeLargeFile, makeSmallFiles, makeSourceTree } from "../lib/tree-data.mjs";

export const title = "Live replication";

const MIB = 1024 * 1024;
const LOG_FILES = 100;
const LOGS_OBSERVED = 10;
const APPENDS_PER_SECOND = 2000;
const RANDOM_WRITES = 100;
const WAIT_MS = 120_000;

/** Milliseconds until it is there. */
async function until(/** @type {() => boolean} */ isThere, lookMs = 1) {
  const startedAt = performance.now();
  while (!isThere()) {
    if (performance.now() - startedAt > WAIT_MS) throw new Error(`not on the target after ${WAIT_MS} ms`);
    await sleep(lookMs);
  }
  return performance.now() - startedAt;
}

/** @typedef {{ source: string; target: string; agents: AgentPair; id: number; scale: number; work: string }} Place */

/** The deed, and the milliseconds and bytes it took from its end until the target has it. */
async function timed(/** @type {Place} */ { agents, id }, /** @type {() => void} */ deed, /** @type {() => boolean} */ isThere) {
  const before = (await agents.connection(id)).sentBytes;
  deed();
  const ms = await until(isThere);
  await agents.sync(id);
  return { ms, bytes: (await agents.connection(id)).sentBytes - before };
}

async function renameMany(/** @type {Place} */ place) {
  const { source, target } = place;
  return timed(
    place,
    () => renameSync(join(source, "many"), join(source, "moved")),
    () => existsSync(join(target, "moved/d00000")) && !existsSync(join(target, "many")),
  );
}

function sameBlocks(/** @type {string} */ path, /** @type {readonly { offset: number; content: Buffer }[]} */ blocks) {
  const fd = openSync(path, "r");
  const found = Buffer.alloc(4096);
  // The last is the likeliest to be missing.
  const same = blocks.toReversed().every(({ offset, content }) => readSync(fd, found, 0, 4096, offset) === 4096 && found.equals(content));
  closeSync(fd);
  return same;
}

async function writeRandomly(/** @type {Place} */ place) {
  const path = join(place.source, "large");
  const count = statSync(path).size / 4096;
  const blocks = Array.from({ length: RANDOM_WRITES }, (_, at) => ({
    offset: Math.floor(((at * 0.6180339887) % 1) * count) * 4096,
    content: Buffer.alloc(4096, `w${at};`),
  }));
  return timed(
    place,
    () => {
      const fd = openSync(path, "r+");
      for (const { offset, content } of blocks) writeSync(fd, content, 0, 4096, offset);
      closeSync(fd);
    },
    () => sameBlocks(join(place.target, "large"), blocks),
  );
}

async function unpackAndRemove(/** @type {Place} */ place) {
  const { source, target } = place;
  const archive = join(place.work, "tree.tar");
  const unpacked = await timed(
    place,
    () => {
      execFileSync("tar", ["-xf", archive, "-C", source]);
      writeFileSync(join(source, "unpacked"), "");
    },
    () => existsSync(join(target, "unpacked")),
  );
  const count = (/** @type {string} */ root) => execFileSync("sh", ["-c", `find ${root}/tree | wc -l`], { encoding: "utf8" });
  if (count(source) !== count(target)) throw new Error("the marker came before the tree");
  const removed = await timed(
    place,
    () => execFileSync("rm", ["-rf", join(source, "tree")]),
    () => !existsSync(join(target, "tree")),
  );
  return { unpacked, removed };
}

/** Lags of the records of some of the files, in ms, and the processor time of both agents in cores. */
async function appendSteadily(/** @type {Place} */ { source, target, agents, id, scale }) {
  const seconds = Math.max(5, Math.round(60 * scale));
  mkdirSync(join(source, "logs"));
  await agents.sync(id);
  const script = fileURLToPath(new URL("../lib/append-load.mjs", import.meta.url));
  const cpuBefore = agents.cpuSeconds();
  const startedAt = performance.now();
  const writer = spawn(process.execPath, [script, join(source, "logs"), String(LOG_FILES), String(APPENDS_PER_SECOND), String(seconds)], { stdio: "inherit" });
  const exited = once(writer, "exit");
  /** @type {number[]} */
  const lags = [];
  const seen = Array.from({ length: LOGS_OBSERVED }, () => 0);
  const time = Buffer.alloc(8);
  while (writer.exitCode === null) {
    for (const [at, before] of seen.entries()) {
      const path = join(target, "logs", `log${at}`);
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size <= before) continue;
      const now = process.hrtime.bigint();
      const fd = openSync(path, "r");
      for (let from = before; from + RECORD_BYTES <= size; from += RECORD_BYTES) {
        readSync(fd, time, 0, 8, from);
        lags.push(Number(now - time.readBigUInt64LE(0)) / 1e6);
      }
      closeSync(fd);
      seen[at] = size - (size % RECORD_BYTES);
    }
    await sleep(1);
  }
  await exited;
  const cores = (agents.cpuSeconds() - cpuBefore) / ((performance.now() - startedAt) / 1000);
  await agents.sync(id);
  for (let at = 0; at < LOG_FILES; at++) {
    const [ours, theirs] = [source, target].map((root) => readFileSync(join(root, "logs", `log${at}`)));
    if (ours === undefined || theirs?.equals(ours) !== true) throw new Error(`log${at} differs`);
  }
  return { lags, cores, seconds };
}

/** @returns {Promise<import("../lib/contest.mjs").Table | undefined>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  if (context.only !== "both") return undefined;
  const { scale } = context;
  const [files, treeFiles] = [Math.max(100, Math.round(10_000 * scale)), Math.max(200, Math.round(48_000 * scale))];
  const largeBytes = Math.max(16, Math.round(4096 * scale)) * MIB;
  const { path: source } = context.source;
  context.source.renew();
  context.target.renew();
  mkdirSync(join(source, "tree"));
  makeSourceTree(join(source, "tree"), treeFiles);
  execFileSync("tar", ["-cf", join(context.work, "tree.tar"), "-C", source, "tree"]);
  execFileSync("rm", ["-rf", join(source, "tree")]);
  mkdirSync(join(source, "many"));
  makeSmallFiles(join(source, "many"), files, 4096);
  makeLargeFile(join(source, "large"), largeBytes);
  const agents = await AgentPair.open(context.work);
  try {
    const { id } = await agents.mirror(source, context.target.path);
    await agents.sync(id);
    const place = { source, target: context.target.path, agents, id, scale, work: context.work };
    const renamed = await renameMany(place);
    const written = await writeRandomly(place);
    const { unpacked, removed } = await unpackAndRemove(place);
    const appended = await appendSteadily(place);
    const [p50 = 0, p99 = 0] = [0.5, 0.99].map((share) => quantile(appended.lags, share));
    const row = (/** @type {string} */ name, /** @type {{ ms: number; bytes: number }} */ { ms, bytes }) => [name, `${ms.toFixed(0)} ms`, formatBytes(bytes)];
    context.say(`live: rename ${renamed.ms.toFixed(0)} ms, appends ${p50.toFixed(1)}/${p99.toFixed(1)} ms, ${appended.cores.toFixed(2)} cores`);
    return {
      title,
      note: `From the end of the deed on the source to its whole effect on the target; what was sent for it, uncompressed. The appends: ${APPENDS_PER_SECOND.toLocaleString("en")} of ${RECORD_BYTES} bytes per second over ${LOG_FILES} files for ${appended.seconds} s, from the write of a record until it is seen; both agents took ${appended.cores.toFixed(2)} processors.`,
      columns: ["deed", "after", "sent"],
      rows: [
        row(`rename of a directory of ${files.toLocaleString("en")} files`, renamed),
        row(`${RANDOM_WRITES} random writes of 4 KiB in a file of ${formatBytes(largeBytes)}`, written),
        row(`tar -x of a tree of ${treeFiles.toLocaleString("en")} files`, unpacked),
        row("rm -rf of that tree", removed),
        ["appends, p50", `${p50.toFixed(1)} ms`, "–"],
        ["appends, p99", `${p99.toFixed(1)} ms`, "–"],
      ],
    };
  } finally {
    await agents.close();
  }
}
