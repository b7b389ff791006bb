// A chain of three agents, any of which is killed at any moment while its beginning changes: after each, the middle and the end
// are as the beginning is.
//   SM_SOAK_KILLS=1000 SM_SOAK_SEED=… npm run test:soak -- chain

import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { compareTrees } from "../support/compare-trees.js";
import { FsDriver } from "../support/fs-driver.js";
import { RandomOperations } from "../support/random-operations.js";
import { SeededRandom } from "../support/seeded-random.js";
import { Site } from "../support/site.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const KILLS = Number(process.env.SM_SOAK_KILLS ?? 60);
const SEED = Number(process.env.SM_SOAK_SEED ?? Math.floor(Math.random() * 2 ** 31));
const OPERATIONS = 250;
const KILL_WITHIN_MS = 1500;

test(`${KILLS} kills, seed ${SEED}`, async () => {
  const random = new SeededRandom(SEED);
  const directory = makeTempDirectory();
  const [a, b, c] = await Promise.all([Site.start(directory, "a"), Site.start(directory, "b"), Site.start(directory, "c")]);
  const driver = await FsDriver.open(a.at("data"));
  const operations = new RandomOperations({ seed: SEED, entriesMax: 120 });
  await driver.run(operations.take(OPERATIONS));
  await a.knows(b);
  await b.knows(c);
  const first = await a.connect("data", b, "middle");
  await a.sync(first.id);
  const second = await b.connect("middle", c, "end");
  await b.sync(second.id);
  for (let i = 1; i <= KILLS; i++) {
    const churn = driver.run(operations.take(OPERATIONS));
    const site = random.chance(0.7) ? b : random.pick([a, c]);
    for (let kills = random.integer(1, 2); kills > 0; kills--) {
      await sleep(random.integer(0, KILL_WITHIN_MS));
      await site.kill();
      await site.restart();
    }
    await churn;
    await a.sync(first.id);
    const middle = await compareTrees(a.at("data"), b.at("middle"));
    await b.sync(second.id);
    const end = await compareTrees(a.at("data"), c.at("end"));
    const again = await compareTrees(a.at("data"), b.at("middle"));
    process.stdout.write(`${i}/${KILLS} ${site.name}: ${middle.length + end.length + again.length} differences\n`);
    expect({ middle, end, again }, `kill ${i} of ${site.name}, seed ${SEED}, in ${directory}`).toEqual({ middle: [], end: [], again: [] });
  }
});
