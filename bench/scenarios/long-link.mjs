// A first mirror over a link with a long round trip, by one socket and by as many as the agent finds right.

import { join } from "node:path";
import { AgentPair } from "../lib/agents.mjs";
import { LongLink } from "../lib/long-link.mjs";
import { formatBytes, formatRatio, formatSeconds, median } from "../lib/statistics.mjs";
import { makeLargeFile, makeSmallFiles, warm } from "../lib/tree-data.mjs";

export const title = "A long link";

const ROUND_TRIP_MS = 100;
const WINDOW_BYTES = 1024 * 1024;
const SOCKETS = /** @type {const} */ (["1", "automatic"]);

/** @typedef {{ seconds: number; sockets: number; why: string }} Outcome */

/** @returns {Promise<Outcome>} */
async function mirror(/** @type {import("../lib/contest.mjs").Context} */ context, /** @type {string} */ sockets) {
  context.target.renewAfterCopy(context.source.path);
  /** @type {LongLink | undefined} */
  let link;
  const dial = async (/** @type {string} */ listen) => {
    link = await LongLink.open(listen, { roundTripMs: ROUND_TRIP_MS, windowBytes: WINDOW_BYTES });
    return link.address;
  };
  const agents = await AgentPair.open(context.work, { config: `transport: {sockets: ${sockets}}\n`, dial });
  try {
    const { id, seconds } = await agents.mirror(context.source.path, context.target.path);
    const { sockets: open } = await agents.connection(id);
    return { seconds, sockets: open?.open ?? 0, why: open?.why ?? "" };
  } finally {
    await agents.close();
    await link?.close();
  }
}

/** @returns {Promise<import("../lib/contest.mjs").Table | undefined>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  if (context.only !== "both") return undefined;
  const bytes = Math.max(64, Math.round(1024 * context.scale)) * 1024 * 1024;
  const files = Math.max(100, Math.round(20_000 * context.scale));
  /** @type {string[][]} */
  const rows = [];
  for (const [what, make] of /** @type {const} */ ([
    [formatBytes(bytes), () => makeLargeFile(join(context.source.path, "large"), bytes)],
    [`${files.toLocaleString("en")} files of 32 KiB`, () => makeSmallFiles(context.source.path, files, 32 * 1024)],
  ])) {
    context.source.renew();
    make();
    warm(context.source.path);
    /** @type {Record<string, Outcome[]>} */
    const found = {};
    for (let run = 1; run <= context.runs; run++) {
      for (const sockets of SOCKETS) {
        const outcome = await mirror(context, sockets);
        found[sockets] = [...(found[sockets] ?? []), outcome];
        context.say(`long-link: ${what}, sockets ${sockets}: ${outcome.seconds.toFixed(2)} s by ${outcome.sockets} (${outcome.why})`);
      }
    }
    const [one = [], many = []] = SOCKETS.map((sockets) => found[sockets]);
    const [slow, fast] = [one, many].map((outcomes) => outcomes.map(({ seconds }) => seconds));
    rows.push([what, formatSeconds(slow ?? []), formatSeconds(fast ?? []), formatRatio(slow ?? [], fast ?? []), String(median(many.map((o) => o.sockets)))]);
  }
  return {
    title,
    note: `A round trip of ${ROUND_TRIP_MS} ms, and ${formatBytes(WINDOW_BYTES)} on the way in each TCP stream at most (a process between the agents delays what they send): the first mirror of random bytes.`,
    columns: ["what", "one socket", "automatic", "one ÷ automatic", "sockets"],
    rows,
  };
}
