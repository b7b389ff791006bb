// What replication costs a busy database: transactions per second with and without, in turn on the same server.

import { chmodSync } from "node:fs";
import { join } from "node:path";
import { AgentPair } from "../lib/agents.mjs";
import { findPostgresql, Postgresql } from "../lib/postgresql.mjs";
import { median } from "../lib/statistics.mjs";

export const title = "A database under replication";

const CLIENTS = 4;
/** Of pgbench: 16 MB each. */
const SCALE = 10;

/** @typedef {Awaited<ReturnType<Postgresql["measure"]>>} Measured */

async function measureReplicated(
  /** @type {import("../lib/contest.mjs").Context} */ context,
  /** @type {Postgresql} */ server,
  /** @type {string} */ dataDirectory,
  /** @type {number} */ seconds,
) {
  context.target.renew();
  const agents = await AgentPair.open(context.work);
  try {
    const { id } = await agents.mirror(dataDirectory, join(context.target.path, "data"));
    await agents.sync(id);
    const measured = await server.measure(CLIENTS, seconds);
    const endedAt = performance.now();
    await agents.sync(id);
    return { ...measured, syncSeconds: (performance.now() - endedAt) / 1000 };
  } finally {
    await agents.close();
  }
}

function formatFigures(/** @type {readonly number[]} */ values, /** @type {string} */ unit, /** @type {number} */ digits) {
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits));
  return `${median(values).toFixed(digits)}${unit} (${least}–${most})`;
}

/** @returns {Promise<import("../lib/contest.mjs").Table | undefined>} */
export async function run(/** @type {import("../lib/contest.mjs").Context} */ context) {
  if (context.only !== "both") return undefined;
  const bin = findPostgresql();
  if (bin === null) {
    context.say("database: left out, apt-get install postgresql postgresql-contrib");
    return undefined;
  }
  const seconds = Math.max(5, Math.round(30 * context.scale));
  context.source.renew();
  chmodSync(context.work, 0o711);
  const dataDirectory = join(context.source.path, "data");
  const server = await Postgresql.create(bin, dataDirectory, join(context.work, "postgresql"), SCALE);
  /** @type {Measured[]} */
  const off = [];
  /** @type {Awaited<ReturnType<typeof measureReplicated>>[]} */
  const on = [];
  try {
    for (let run = 1; run <= context.runs; run++) {
      off.push(await server.measure(CLIENTS, seconds));
      on.push(await measureReplicated(context, server, dataDirectory, seconds));
      context.say(
        `database: run ${run} of ${context.runs}: ${off.at(-1)?.perSecond.toFixed(0)} tps without, ${on.at(-1)?.perSecond.toFixed(0)} with replication`,
      );
    }
  } finally {
    await server.close();
  }
  const ratio = median(on.map(({ perSecond }) => perSecond)) / median(off.map(({ perSecond }) => perSecond));
  const row = (/** @type {string} */ name, /** @type {readonly Measured[]} */ measured, /** @type {string} */ share, /** @type {string} */ behind) => [
    name,
    formatFigures(
      measured.map(({ perSecond }) => perSecond),
      "",
      0,
    ),
    share,
    formatFigures(
      measured.map(({ latencyMs }) => latencyMs),
      " ms",
      2,
    ),
    behind,
  ];
  const behind = formatFigures(
    on.map(({ syncSeconds }) => syncSeconds),
    " s",
    2,
  );
  return {
    title,
    note: `pgbench, scale ${SCALE}, ${CLIENTS} clients, ${seconds} s a run. Server, clients and both agents share the processors of this machine.`,
    columns: ["replication", "transactions per second", "with ÷ without", "average latency", "until all is on the target, after the end"],
    rows: [row("off", off, "", ""), row("on", on, ratio.toFixed(2), behind)],
  };
}
