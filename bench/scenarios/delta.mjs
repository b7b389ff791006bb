// A large file that the target has an older version of: what goes over the wire, and how long it takes.

import { mkdirSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { AgentPair } from "../lib/agents.mjs";
import { keepOld, VERSIONS } from "../lib/file-versions.mjs";
import { RsyncDaemon } from "../lib/rsync.mjs";
import { formatBytes, formatRatio, formatSeconds, median } from "../lib/statistics.mjs";
import { warm } from "../lib/tree-data.mjs";

export const title = "A new version of a large file";

/** @typedef {{ seconds: number; bytes: number }} Outcome */

const OLD_SECONDS = 1_600_000_000;

function plantOld(/** @type {import("../lib/contest.mjs").Context} */ context, /** @type {string} */ was) {
  context.target.renewAfterCopy(context.source.path);
  const path = join(context.target.path, "file");
  keepOld(was, path);
  utimesSync(path, OLD_SECONDS, OLD_SECONDS);
  context.target.sync();
  warm(context.target.path);
  warm(context.source.path);
}

/** @returns {Promise<Outcome>} */
async function runSm(/** @type {import("../lib/contest.mjs").Context} */ context, /** @type {string} */ was) {
  plantOld(context, was);
  const agents = await AgentPair.open(context.work, { config: "transport: {sockets: 1}\n" });
  try {
    const { seconds } = await agents.mirror(context.source.path, context.target.path);
    return { seconds, bytes: agents.wireBytes() };
  } finally {
    await agents.close();
  }
}

/** @returns {Promise<Outcome>} */
async function runRsync(/** @type {import("../lib/contest.mjs").Context} */ context, /** @type {string} */ was) {
  plantOld(context, was);
  const daemon = await RsyncDaemon.open(context.target.path, context.work);
  try {
    const { seconds, sentBytes, receivedBytes } = daemon.copy(context.source.path, ["--no-whole-file"]);
    return { seconds, bytes: sentBytes + receivedBytes };
  } finally {
    await daemon.close();
  }
}

/** @returns {Promise<import("../lib/contest.mjs").Table>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  const bytes = Math.max(64, Math.round(1024 * context.scale)) * 1024 * 1024;
  /** @type {string[][]} */
  const rows = [];
  const olds = join(context.work, "versions");
  mkdirSync(olds);
  for (const { name, make } of VERSIONS) {
    context.source.renew();
    const was = join(olds, "was");
    make(was, join(context.source.path, "file"), bytes);
    context.source.sync();
    /** @type {Outcome[]} */
    const ours = [];
    /** @type {Outcome[]} */
    const theirs = [];
    for (let run = 1; run <= context.runs; run++) {
      if (context.only === "both") ours.push(await runSm(context, was));
      theirs.push(await runRsync(context, was));
      const [sm, rsync] = [ours.at(-1), theirs.at(-1)];
      const told = [sm, rsync].map((it) => (it === undefined ? "–" : `${it.seconds.toFixed(2)} s, ${it.bytes.toLocaleString("en")} B`));
      context.say(`delta: ${name}, run ${run} of ${context.runs}: sm ${told[0]}; rsync ${told[1]}`);
    }
    const seconds = [ours, theirs].map((outcomes) => outcomes.map((it) => it.seconds));
    const wire = [ours, theirs].map((outcomes) => outcomes.map((it) => it.bytes));
    const [smSeconds = [], rsyncSeconds = []] = seconds;
    const [smBytes = [], rsyncBytes = []] = wire;
    const isTold = ours.length > 0;
    const counts = [isTold ? formatBytes(median(smBytes)) : "–", formatBytes(median(rsyncBytes)), isTold ? formatRatio(smBytes, rsyncBytes) : "–"];
    const times = [formatSeconds(smSeconds), formatSeconds(rsyncSeconds), isTold ? formatRatio(smSeconds, rsyncSeconds) : "–"];
    rows.push([name, ...counts, ...times]);
  }
  rmSync(olds, { recursive: true, force: true });
  return {
    title,
    note: `${formatBytes(bytes)}; the target has the version before. Bytes both ways: of sm by the kernel's count of its socket, TLS and handshake included, of rsync (--no-whole-file) by its statistics.`,
    columns: ["what", "sm, bytes", "rsync, bytes", "sm ÷ rsync", "sm", "rsync", "sm ÷ rsync"],
    rows,
  };
}
