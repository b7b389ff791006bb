// Two agents under the churn of checkouts. Now and then it pauses, and the trees must be equal in everything.
//   SM_SOAK_FILES=48000 SM_SOAK_SECONDS=600 SM_SOAK_SEED=… SM_TEST_TREE=/a/tree/to/begin/with npm run test:soak

import { cpSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import { AgentPair } from "../support/agent-pair.js";
import type { AgentProcess } from "../support/agent-process.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { SeededRandom } from "../support/seeded-random.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { TreeChurn } from "../support/tree-churn.js";

const FILES = Number(process.env.SM_SOAK_FILES ?? 48_000);
const SECONDS = Number(process.env.SM_SOAK_SECONDS ?? 600);
const SEED = Number(process.env.SM_SOAK_SEED ?? Math.floor(Math.random() * 2 ** 31));
const TREE = process.env.SM_TEST_TREE;
/** A short run pauses, too. */
const PAUSE_SECONDS = Math.min(60, SECONDS / 4);
const SYNC_SECONDS = 600;
const REST_MS_MAX = 1500;

function say(text: string): void {
  process.stdout.write(`soak: ${text}\n`);
}

/** The most memory that the process has ever had, in MiB. */
function peakMiB({ ready: { pid } }: AgentProcess): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kilobytes) / 1024);
}

async function seconds(work: () => Promise<unknown>): Promise<string> {
  const from = performance.now();
  await work();
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}

async function expectInSync(pair: AgentPair, churn: TreeChurn): Promise<void> {
  const synced = await seconds(() => pair.sync(SYNC_SECONDS));
  const compared = await seconds(() => expectEqualTrees(pair.sourceDir, pair.targetDir));
  const { problemCount, mirror } = await pair.report();
  expect({ problemCount, problems: mirror.problems }).toEqual({ problemCount: 0, problems: [] });
  const peaks = `memory peaks: source ${peakMiB(pair.source)} MiB, target ${peakMiB(pair.target)} MiB`;
  say(`equal: ${churn.files} files; in sync after ${synced}, compared in ${compared}; ${peaks}; ${JSON.stringify(churn.counts)}`);
}

test("checkouts, one after the other, for a long time", async () => {
  say(`seed ${SEED}, ${SECONDS} s, ${TREE ?? `${FILES} files`}`);
  const pair = await AgentPair.start(makeTempDirectory());
  const churn = new TreeChurn(pair.sourceDir, SEED);
  if (TREE === undefined) {
    churn.generate(FILES);
  } else {
    cpSync(TREE, pair.sourceDir, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    churn.adopt();
  }
  await pair.connect();
  await expectInSync(pair, churn);
  const random = new SeededRandom(SEED);
  const until = performance.now() + SECONDS * 1000;
  let pauseAt = performance.now() + PAUSE_SECONDS * 1000;
  while (performance.now() < until) {
    await churn.checkout();
    if (performance.now() >= pauseAt) {
      await expectInSync(pair, churn);
      pauseAt = performance.now() + PAUSE_SECONDS * 1000;
    } else {
      await delay(random.integer(0, REST_MS_MAX));
    }
  }
  await expectInSync(pair, churn);
});
