// Several sets on one file system share one mark: each hears of everything that is its own, whichever of them reads. Needs root.

import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { StatusReport } from "../../src/model/status.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { countGroups, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { FsDriver } from "../support/fs-driver.js";
import { RandomOperations } from "../support/random-operations.js";
import { Site } from "../support/site.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const NO_FANOTIFY = whyNoFanotify();
const SETS = ["one", "two", "three", "four"] as const;

test.skipIf(NO_FANOTIFY !== null)(titled("sets that are written to at once, joined and ended meanwhile", NO_FANOTIFY), async () => {
  const directory = makeTempDirectory();
  const [a, b] = await Promise.all([Site.start(directory, "a"), Site.start(directory, "b")]);
  await a.knows(b);
  const writers = await Promise.all(
    SETS.map(async (set, seed) => ({ driver: await FsDriver.open(a.at(set)), operations: new RandomOperations({ seed, entriesMax: 60 }) })),
  );
  const write = (): Promise<unknown> => Promise.all(writers.map(({ driver, operations }) => driver.run(operations.take(80))));
  const ids: number[] = [];
  for (const set of SETS) {
    const [connection] = await Promise.all([a.connect(set, b, `copy-${set}`), write()]);
    ids.push(connection.id);
  }
  const expectEqual = async (sets: readonly string[]): Promise<void> => {
    await a.sync(...ids.filter((_, at) => sets.includes(SETS[at] as string)));
    for (const set of sets) await expectEqualTrees(a.at(set), b.at(`copy-${set}`));
  };
  await expectEqual(SETS);
  expect(countGroups(a.agent.ready.pid)).toBe(1);
  await eventually(async () => {
    const { captures } = await a.call<StatusReport>("status");
    expect(captures.map(({ coverage }) => coverage?.why)).toEqual(SETS.map(() => expect.stringContaining("a mark shared by 4 sets")));
  });
  for (let round = 0; round < 3; round++) {
    await write();
    writeFileSync(join(a.at("one"), "wanders"), `round ${round}`);
    renameSync(join(a.at("one"), "wanders"), join(a.at("two"), "arrived"));
    await expectEqual(SETS);
  }
  await Promise.all([a.call("connection.disconnect", { id: ids[0] }), write()]);
  await expectEqual(SETS.slice(1));
  expect(countGroups(a.agent.ready.pid)).toBe(1);
  for (const id of ids.slice(1)) await a.call("connection.disconnect", { id });
  await eventually(() => expect(countGroups(a.agent.ready.pid)).toBe(0));
});
