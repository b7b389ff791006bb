// Measures sm against rsync on this machine and writes docs/benchmarks.md. Needs root, rsync 3, and 30 GB of space for
// the images at full scale. `node bench/run.mjs --help` lists what can be chosen.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Image } from "./lib/images.mjs";
import { rsyncVersion } from "./lib/rsync.mjs";
import { describeMachine } from "./lib/statistics.mjs";

const HELP = `node bench/run.mjs [options]
  --runs N          runs of each program per scenario; medians are reported (5)
  --scenario NAME   only this one; may be given several times (all)
  --scale X         share of the full sizes: 0.01 is a quick try (1)
  --only rsync      leaves sm out
  --linux-source    the source tree is Debian's linux-source package instead of a generated one
  --work DIR        where images and agents live (the temporary directory)
  --out FILE        the report (docs/benchmarks.md)`;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    scenario: { type: "string", multiple: true, default: [] },
    scale: { type: "string", default: "1" },
    only: { type: "string", default: "both" },
    "linux-source": { type: "boolean", default: false },
    work: { type: "string", default: tmpdir() },
    out: { type: "string", default: fileURLToPath(new URL("../docs/benchmarks.md", import.meta.url)) },
    help: { type: "boolean", default: false },
  },
});

function render(/** @type {readonly import("./lib/contest.mjs").Table[]} */ tables, /** @type {number} */ runs) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  const parts = tables.map(({ title, note, columns, rows }) =>
    [`## ${title}`, note, "", line(columns), `|${columns.map(() => "---").join("|")}|`, ...rows.map(line), ""].join("\n"),
  );
  const head = `# Benchmarks

\`npm run bench\` on ${describeMachine()}, ${new Date().toISOString().slice(0, 10)}. Medians of ${runs} runs (fastest–slowest), both programs in turn, who begins alternating.

Source and target are loop-mounted ext4 images on one disk; the target is made anew for each run, after a plain \`cp -a\` of the
source was on it, and the source read once more, so that each run finds the memory of the machine in the same state. **sm**: two agents over TLS 1.3 on loopback, durability \`fsync\`, no compression; the time is that of the mirror by its report: from
the moment the tree is known (arming the watches comes before) until the target has applied everything; it is synced in the background. **rsync** ${rsyncVersion()}: \`rsync -aHAX --numeric-ids --delete\` to a daemon on loopback, unencrypted, without
fsync; *sm + sync* and *rsync + sync* add the time until the copy is on the disk, too. Before the second copy of either program the first is synced. A ratio below 1 means that sm is faster.
`;
  return `${[head, ...parts].join("\n").trimEnd()}\n`;
}

function chooseScenarios(/** @type {readonly string[]} */ wanted) {
  const known = readdirSync(new URL("scenarios/", import.meta.url)).map((file) => file.replace(/[.]mjs$/, ""));
  const order = [
    "small-files",
    "source-tree",
    "cold-tree",
    "large-file",
    "arm",
    "restart",
    "latency",
    "live",
    "slowdown",
    "several-sets",
    "full-queue",
    "wire",
    "delta",
    "checksum-all",
    "long-link",
    "database",
  ];
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no scenario ${unknown.join(", ")}: there are ${known.join(", ")}`);
  const chosen = wanted.length === 0 ? known : wanted;
  return [...chosen].sort((a, b) => order.indexOf(a) - order.indexOf(b));
}

async function main() {
  if (values.help) return console.log(HELP);
  if (process.getuid?.() !== 0) throw new Error("the benchmark mounts file systems: run it as root");
  if (values.only !== "both" && values.only !== "rsync") throw new Error(`--only takes rsync, not ${values.only}`);
  const [runs, scale] = [Number(values.runs), Number(values.scale)];
  if (!Number.isInteger(runs) || runs < 1 || !(scale > 0)) throw new Error("--runs and --scale take numbers above 0");
  const scenarios = chooseScenarios(values.scenario);
  mkdirSync(values.work, { recursive: true });
  const work = mkdtempSync(join(values.work, "sm-bench-"));
  // Room for what is compared; and for a file several times, since ext4 writes at once what no longer surely fits it.
  const fullMiB = scenarios.includes("large-file") ? 20_480 : scenarios.includes("checksum-all") ? 12_288 : 6144;
  const sizeMiB = Math.max(600, Math.round(fullMiB * Math.min(1.5, Math.max(scale, values["linux-source"] ? 1 : 0))));
  const source = new Image(join(work, "source"), sizeMiB);
  const target = new Image(join(work, "target"), sizeMiB);
  const say = (/** @type {string} */ text) => console.log(text);
  const stop = () => {
    execFileSync("sh", ["-c", `umount -l ${work}/source ${work}/target 2>/dev/null; rm -rf ${work}`]);
    process.exit(130);
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  /** @type {import("./lib/contest.mjs").Table[]} */
  const tables = [];
  try {
    for (const name of scenarios) {
      const { run } = await import(new URL(`scenarios/${name}.mjs`, import.meta.url).href);
      const table = await run({ runs, scale, only: values.only, linuxSource: values["linux-source"], work, source, target, say });
      if (table !== undefined) tables.push(table);
      writeFileSync(values.out, render(tables, runs));
    }
  } finally {
    source.close();
    target.close();
    rmSync(work, { recursive: true, force: true });
  }
  console.log(`wrote ${values.out}`);
}

await main();
