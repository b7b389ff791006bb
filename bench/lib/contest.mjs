// The same copy by sm and by rsync in turn, each onto a file system made anew for it.

import { AgentPair } from "./agents.mjs";
import { RsyncDaemon } from "./rsync.mjs";
import { formatBytes, formatRatio, formatSeconds, median } from "./statistics.mjs";
import { warm } from "./tree-data.mjs";

/** @typedef {{ title: string; note: string; columns: string[]; rows: string[][] }} Table */
/** @typedef {{ runs: number; scale: number; only: "both" | "rsync"; linuxSource: boolean; work: string; source: import("./images.mjs").Image; target: import("./images.mjs").Image; say: (text: string) => void }} Context */

/**
 * The last before each copy, when its program runs already: a virtual machine loses memory that lies idle for seconds, free or not,
 * so both must find the same moments after the same deeds.
 */
function prepare(/** @type {Context} */ { source, target }, /** @type {boolean} */ isCold) {
  target.renewAfterCopy(source.path);
  if (isCold) source.leaveMemory();
  else warm(source.path);
}

async function runSm(/** @type {Context} */ context, /** @type {boolean} */ isCold) {
  const agents = await AgentPair.open(context.work);
  try {
    prepare(context, isCold);
    const first = await agents.mirror(context.source.path, context.target.path);
    // As for the other program: what the first copy left to be written is not part of the second.
    const syncSeconds = context.target.sync();
    const again = await agents.mirrorAgain(first.id);
    return { first, syncSeconds, again, peaks: agents.peaks() };
  } finally {
    await agents.close();
  }
}

async function runRsync(/** @type {Context} */ context, /** @type {boolean} */ isCold) {
  const daemon = await RsyncDaemon.open(context.target.path, context.work);
  try {
    prepare(context, isCold);
    const first = daemon.copy(context.source.path);
    const syncSeconds = context.target.sync();
    return { first, syncSeconds, again: daemon.copy(context.source.path) };
  } finally {
    await daemon.close();
  }
}

/** Measures the copy of what lies in the source image, and of nothing new, by both programs in turn. `isCold`: nothing of it is in memory. */
export async function contest(/** @type {Context} */ context, /** @type {string} */ what, isCold = false) {
  context.source.sync();
  /** @type {Awaited<ReturnType<typeof runSm>>[]} */
  const ours = [];
  /** @type {Awaited<ReturnType<typeof runRsync>>[]} */
  const theirs = [];
  for (let run = 1; run <= context.runs; run++) {
    // Who begins alternates: the first finds memory that was not used for longer.
    const turns = [async () => context.only === "both" && ours.push(await runSm(context, isCold)), async () => theirs.push(await runRsync(context, isCold))];
    for (const turn of run % 2 === 1 ? turns : turns.reverse()) await turn();
    context.say(
      `${what}: run ${run} of ${context.runs}: sm ${ours.at(-1)?.first.seconds.toFixed(2) ?? "–"} s, rsync ${theirs.at(-1)?.first.seconds.toFixed(2)} s`,
    );
  }
  const smFirst = ours.map(({ first }) => first.seconds);
  const smAgain = ours.map(({ again }) => again.seconds);
  const rsyncFirst = theirs.map(({ first }) => first.seconds);
  const rsyncAgain = theirs.map(({ again }) => again.seconds);
  const ratio = (/** @type {number[]} */ a, /** @type {number[]} */ b) => (a.length === 0 ? "–" : formatRatio(a, b));
  const wall = (/** @type {number[]} */ values) => (values.length === 0 ? "–" : `${median(values).toFixed(2)} s`);
  const synced = (/** @type {{ first: { seconds: number }; syncSeconds: number }[]} */ outcomes) =>
    wall(outcomes.map(({ first, syncSeconds }) => first.seconds + syncSeconds));
  const peak = (/** @type {"source" | "target"} */ side) => (ours.length === 0 ? "–" : formatBytes(median(ours.map(({ peaks }) => peaks[side]))));
  return {
    columns: ["what", "sm", "rsync", "sm ÷ rsync", "sm, wall from the command", "sm + sync", "rsync + sync", "peak memory of the sm agents, source / target"],
    rows: [
      [
        what,
        formatSeconds(smFirst),
        formatSeconds(rsyncFirst),
        ratio(smFirst, rsyncFirst),
        wall(ours.map(({ first }) => first.wallSeconds)),
        synced(ours),
        synced(theirs),
        `${peak("source")} / ${peak("target")}`,
      ],
      [
        `${what}, again, nothing changed`,
        formatSeconds(smAgain),
        formatSeconds(rsyncAgain),
        ratio(smAgain, rsyncAgain),
        wall(ours.map(({ again }) => again.wallSeconds)),
        "–",
        "–",
        "as above",
      ],
    ],
  };
}
