// A full mirror sends everything, and finds what is too much on the target all the same.

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compareTrees } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { payloadBytes, SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

function plant(directory: string, files: readonly string[]): void {
  for (const file of files) {
    mkdirSync(join(directory, file, ".."), { recursive: true });
    writeFileSync(join(directory, file), "four");
  }
}

test("names that the source lost since the target got them are removed; everything is sent", async () => {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  plant(root, ["a", "d/b", "d/e/c", "f/g"]);
  const kit = SourceKit.start({ root, target });
  await kit.mirror("full", "keep");
  await kit.stop();
  for (const gone of ["a", "d/e", "f"]) rmSync(join(root, gone), { recursive: true });
  await pastRacy();
  const later = SourceKit.start({ root, target });
  await later.mirror("full", "remove");
  await later.settle();
  expect(await compareTrees(root, target)).toEqual([]);
  expect(payloadBytes(later.sets.flatMap(({ changes }) => changes))).toBe(4);
});

test("what others put on the target is told, and is not removed by a later mirror", async () => {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  plant(root, ["a", "d/b"]);
  plant(target, ["theirs", "d/theirs"]);
  const kit = SourceKit.start({ root, target });
  await kit.mirror("full", "report");
  const told = kit.answers.flatMap((answer) => (answer.kind === "compare" ? answer.extras : []));
  expect(told.sort()).toEqual(["theirs", "theirs"]);
  await kit.mirror("difference", "remove");
  await kit.mirror("full", "remove");
  await kit.settle();
  expect(["theirs", "d/theirs", "a", "d/b"].map((name) => existsSync(join(target, name)))).toEqual([true, true, true, true]);
});
