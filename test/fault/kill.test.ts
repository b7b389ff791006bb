// kill -9 of either agent at random moments of a random workload, and at each named crash point: afterwards the trees are equal.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FAILPOINTS } from "../../src/base/failpoint.js";
import { delay } from "../../src/base/wait.js";
import { AgentPair } from "../support/agent-pair.js";
import type { ExitStatus } from "../support/agent-process.js";
import { FsDriver } from "../support/fs-driver.js";
import { RandomOperations } from "../support/random-operations.js";
import { SeededRandom } from "../support/seeded-random.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const KILLS = Number(process.env.SM_TEST_KILLS ?? 5);
const SEED = Number(process.env.SM_TEST_SEED ?? 20_260);

test(`${KILLS} kills of either agent under load, seed ${SEED}`, { timeout: 60_000 + KILLS * 30_000 }, async () => {
  const random = new SeededRandom(SEED);
  const pair = await AgentPair.start(makeTempDirectory());
  const driver = await FsDriver.open(pair.sourceDir);
  const operations = new RandomOperations({ seed: SEED, fileBytesMax: 700_000, entriesMax: 300 });
  await driver.run(operations.take(200));
  await pair.connect();
  for (let kill = 0; kill < KILLS; kill++) {
    const churn = (async () => {
      for (let round = 0; round < 6; round++) await driver.run(operations.take(25));
    })();
    await delay(random.integer(0, 400));
    const side = random.integer(0, 2);
    if (side !== 0) await pair.source.kill9();
    if (side !== 1) await pair.target.kill9();
    await churn;
    if (side !== 1) await pair.restartTarget();
    if (side !== 0) await pair.restartSource();
    if (kill % 2 === 1 || kill === KILLS - 1) await pair.expectEqual();
  }
  await driver.close();
});

// Those of the dirty map are passed where a queue is full: fault/pull-ahead. The others have faults of their names.
const ELSEWHERE = ["dirty.", "rebuild.", "identity.", "restore.", "repair."];
const POINTS = FAILPOINTS.filter((each) => !ELSEWHERE.some((prefix) => each.startsWith(prefix)));

/** Kills the agent at the point, in the middle of replication, and has both go on. */
async function cutAt(name: string, pair: AgentPair, driver: FsDriver, operations: RandomOperations): Promise<void> {
  const isQueue = name.startsWith("journal.");
  const side = name.startsWith("apply.") ? "target" : "source";
  // The first passage of the queue's rename is the agent's start.
  const failpoint = name === "journal.append.afterWrite" ? name : `${name}:${isQueue ? 2 : 3}`;
  await pair[side].stop();
  const armed = await pair[side].restart({ failpoint });
  pair[side] = armed;
  // What is not sent is what the queue writes to its segments.
  if (isQueue) await pair.target.kill9();
  let status: ExitStatus | undefined;
  void armed.exited.then((s) => {
    status = s;
  });
  for (let round = 0; round < 600 && status === undefined; round++) {
    await driver.run(operations.take(20));
    await delay(50);
  }
  expect(status, name).toMatchObject({ signal: "SIGKILL" });
  if (isQueue) await pair.restartTarget();
  pair[side] = await armed.restart();
  await pair.expectEqual();
}

describe.each([
  { side: "target", points: POINTS.filter((name) => name.startsWith("apply.")) },
  { side: "source", points: POINTS.filter((name) => !name.startsWith("apply.")) },
])("the $side", ({ points }) => {
  // Two agents for several points: most of the time of this goes to their starts.
  test.each([points.filter((_, index) => index % 2 === 0), points.filter((_, index) => index % 2 === 1)])("is killed at %s, %s, …", async (...names) => {
    const directory = makeTempDirectory();
    mkdirSync(join(directory, "a", "etc"), { recursive: true });
    writeFileSync(join(directory, "a", "etc", "sm.yaml"), "queue:\n  memoryMiB: 1\n");
    const pair = await AgentPair.start(directory);
    const driver = await FsDriver.open(pair.sourceDir);
    const operations = new RandomOperations({ seed: names.length * 7 });
    await driver.run(operations.take(150));
    await pair.connect();
    await pair.sync();
    for (const name of names) await cutAt(name, pair, driver, operations);
    await driver.close();
  });
});
