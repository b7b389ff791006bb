// Every byte of two equal trees compared: what a verification of everything, or a mirror that trusts no date, costs.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentPair } from "../lib/agents.mjs";
import { RsyncDaemon } from "../lib/rsync.mjs";
import { formatBytes, formatRatio, formatSeconds } from "../lib/statistics.mjs";
import { countTree, makeLargeFile } from "../lib/tree-data.mjs";

export const title = "Every byte compared";

const MIB = 1024 * 1024;
/** 10 GiB at full scale: as on a server of databases, images and documents. */
const PARTS = [
  { name: "databases", files: 2, mib: 2048 },
  { name: "images", files: 24, mib: 128 },
  { name: "documents", files: 3072, mib: 1 },
];

function makeTree(/** @type {string} */ root, /** @type {number} */ scale) {
  for (const { name, files, mib } of PARTS) {
    mkdirSync(join(root, name));
    for (let at = 0; at < Math.max(1, Math.round(files * scale)); at++) makeLargeFile(join(root, name, `f${at}`), mib * MIB);
  }
}

/** Neither tree is in memory: more than a machine holds has to come from the disk for either program. */
function forget(/** @type {import("../lib/contest.mjs").Context} */ context) {
  context.source.sync();
  context.target.sync();
  writeFileSync("/proc/sys/vm/drop_caches", "3");
}

/** @returns {Promise<import("../lib/contest.mjs").Table>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  context.source.renew();
  makeTree(context.source.path, context.scale);
  context.target.renew();
  execFileSync("cp", ["-a", `${context.source.path}/.`, context.target.path]);
  const { files, bytes } = countTree(context.source.path);
  /** @type {Record<"mirror" | "verify" | "rsync", number[]>} */
  const seconds = { mirror: [], verify: [], rsync: [] };
  for (let run = 1; run <= context.runs; run++) {
    if (context.only === "both") {
      const agents = await AgentPair.open(context.work);
      try {
        const { id } = await agents.mirror(context.source.path, context.target.path);
        forget(context);
        seconds.mirror.push((await agents.mirrorAgain(id, ["--checksum-all"])).seconds);
        forget(context);
        seconds.verify.push(await agents.verify(id, ["--checksum-all"]));
      } finally {
        await agents.close();
      }
    }
    const daemon = await RsyncDaemon.open(context.target.path, context.work);
    try {
      forget(context);
      seconds.rsync.push(daemon.copy(context.source.path, ["--checksum"]).seconds);
    } finally {
      await daemon.close();
    }
    const told = Object.entries(seconds).map(([name, values]) => `${name} ${values.at(-1)?.toFixed(1) ?? "–"} s`);
    context.say(`checksum-all: run ${run} of ${context.runs}: ${told.join(", ")}`);
  }
  const row = (/** @type {string} */ name, /** @type {number[]} */ ours) =>
    ours.length === 0
      ? [name, "–", formatSeconds(seconds.rsync), "–"]
      : [name, formatSeconds(ours), formatSeconds(seconds.rsync), formatRatio(ours, seconds.rsync)];
  return {
    title,
    note: `${files.toLocaleString("en")} files of ${formatBytes(bytes)}, equal on both sides, none of it in memory at the start. \`sm mirror start --checksum-all\` and \`sm verify start --checksum-all\` against \`rsync --checksum\`.`,
    columns: ["what", "sm", "rsync", "sm ÷ rsync"],
    rows: [row("mirror", seconds.mirror), row("verification", seconds.verify)],
  };
}
