// Many small directories are compared by one set; what is asked in it is answered, and asked again, each for itself.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ChangeSet } from "../../src/model/change-set.js";
import { compareTrees } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const DIRECTORIES = 60;

function plant(): { readonly root: string; readonly target: string } {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  for (let i = 0; i < DIRECTORIES; i++) {
    for (const side of [root, target]) {
      mkdirSync(join(side, `d${i}`, "below"), { recursive: true });
      writeFileSync(join(side, `d${i}`, "same"), "same");
    }
    writeFileSync(join(root, `d${i}`, "below", "new"), `of ${i}`);
    writeFileSync(join(target, `d${i}`, "extra"), "");
  }
  mkdirSync(join(root, "wide"));
  for (let i = 0; i < 600; i++) writeFileSync(join(root, "wide", `f${i}`), "");
  return { root, target };
}

const comparesOf = (set: ChangeSet): readonly string[] => set.changes.flatMap((change) => (change.op === "compare" ? [change.path] : []));

test("a set compares many directories, but no directory twice, and every answer is taken as that of its own", async () => {
  const { root, target } = plant();
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  await kit.mirror("difference", "report");
  await kit.settle();
  const asked = kit.sets.map(comparesOf).filter((paths) => paths.length > 0);
  for (const paths of asked) expect(new Set(paths).size).toBe(paths.length);
  expect(asked.flat().length).toBe(2 * DIRECTORIES + 4);
  expect(asked.length).toBeLessThan(DIRECTORIES);
  expect(kit.events.flatMap((event) => (event.kind === "mirrorEmitted" ? [[event.counts.orphans, event.counts.filesDone]] : []))).toEqual([
    [DIRECTORIES, 2 * DIRECTORIES + 600],
  ]);
  for (let i = 0; i < DIRECTORIES; i++) rmSync(join(target, `d${i}`, "extra"));
  await kit.mirror("difference");
  await kit.settle();
  expect(await compareTrees(root, target)).toEqual([]);
});

test("everything that a lost set asked is asked again", async () => {
  const { root, target } = plant();
  await pastRacy();
  const lost: ChangeSet[] = [];
  const kit = SourceKit.start({
    root,
    target,
    reaches: (set) => {
      const isLost = lost.length === 0 && comparesOf(set).length > 2;
      if (isLost) lost.push(set);
      return !isLost;
    },
    onSet: () => {
      const [set] = lost;
      if (set === undefined || lost.length > 1) return;
      lost.push(set);
      setImmediate(() => {
        kit.jobs.obey({ kind: "lost", connectionId: 1, fromSeq: set.seq, toSeq: set.seq });
        kit.jobs.obey({ kind: "channel", connectionId: 1, seq: 0, rebuildsFiles: false });
        kit.engine.credits.lost(1, set.seq, set.seq);
        kit.engine.wake();
      });
    },
  });
  await kit.mirror("difference");
  await kit.settle();
  expect(lost).toHaveLength(2);
  expect(await compareTrees(root, target)).toEqual([]);
});
