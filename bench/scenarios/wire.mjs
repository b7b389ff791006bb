// What small changes to large things cost on the wire.

import { closeSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { AgentPair } from "../lib/agents.mjs";
import { RsyncDaemon } from "../lib/rsync.mjs";
import { formatBytes } from "../lib/statistics.mjs";
import { makeLargeFile, makeSmallFiles } from "../lib/tree-data.mjs";

export const title = "Bytes on the wire";

/** @type {readonly { name: (context: Sizes) => string; change: (root: string, sizes: Sizes, serial: number) => void }[]} */
const CHANGES = [
  {
    name: ({ files }) => `rename of a directory with ${files.toLocaleString("en")} files`,
    change: (root, _sizes, serial) => renameSync(join(root, serial === 0 ? "many" : `renamed${serial - 1}`), join(root, `renamed${serial}`)),
  },
  {
    name: ({ bytes }) => `overwrite of 4 KiB within ${formatBytes(bytes)}`,
    change: (root, { bytes }, serial) => {
      const fd = openSync(join(root, "large"), "r+");
      writeSync(fd, Buffer.alloc(4096, `over${serial}`), 0, 4096, Math.floor(bytes / 8192) * 4096);
      closeSync(fd);
    },
  },
];

/** @typedef {{ files: number; bytes: number }} Sizes */

async function measureSm(/** @type {import("../lib/contest.mjs").Context} */ context, /** @type {Sizes} */ sizes) {
  context.target.renew();
  const agents = await AgentPair.open(context.work);
  try {
    const { id } = await agents.mirror(context.source.path, context.target.path);
    await agents.sync(id);
    /** @type {number[]} */
    const sent = [];
    for (const { change } of CHANGES) {
      const before = (await agents.connection(id)).sentBytes;
      change(context.source.path, sizes, 0);
      await agents.sync(id);
      sent.push((await agents.connection(id)).sentBytes - before);
    }
    return sent;
  } finally {
    await agents.close();
  }
}

async function measureRsync(/** @type {import("../lib/contest.mjs").Context} */ context, /** @type {Sizes} */ sizes) {
  context.target.renew();
  const daemon = await RsyncDaemon.open(context.target.path, context.work);
  try {
    daemon.copy(context.source.path);
    return CHANGES.map(({ change }) => {
      change(context.source.path, sizes, 1);
      const { sentBytes, receivedBytes } = daemon.copy(context.source.path);
      return sentBytes + receivedBytes;
    });
  } finally {
    await daemon.close();
  }
}

/** @returns {Promise<import("../lib/contest.mjs").Table>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  const sizes = { files: Math.max(100, Math.round(10_000 * context.scale)), bytes: Math.max(16, Math.round(1024 * context.scale)) * 1024 * 1024 };
  context.source.renew();
  mkdirSync(join(context.source.path, "many"));
  makeSmallFiles(join(context.source.path, "many"), sizes.files, 1024);
  makeLargeFile(join(context.source.path, "large"), sizes.bytes);
  const ours = context.only === "both" ? await measureSm(context, sizes) : [];
  if (context.only !== "both") renameSync(join(context.source.path, "many"), join(context.source.path, "renamed0"));
  const theirs = await measureRsync(context, sizes);
  context.say(`wire: sm ${ours.map(formatBytes).join(", ") || "–"}; rsync ${theirs.map(formatBytes).join(", ")}`);
  return {
    title,
    note: "sm: what the source sent, by the statistics of the connection, uncompressed. rsync: what it sent and received in a run that finds the same change.",
    columns: ["change", "sm", "rsync"],
    rows: CHANGES.map(({ name }, at) => [name(sizes), ours[at] === undefined ? "–" : formatBytes(ours[at]), formatBytes(theirs[at] ?? Number.NaN)]),
  };
}
