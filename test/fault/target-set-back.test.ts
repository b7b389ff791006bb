// A target whose machine is set back to a snapshot has less than it said: what its source let go of is compared again.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AgentPair } from "../support/agent-pair.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

function copyInto(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(to)) rmSync(join(to, name), { recursive: true });
  execFileSync("cp", ["-a", `${from}/.`, to]);
}

test("a target that is set back to what it was at an orderly stop is compared, while its source runs on", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  writeFileSync(join(pair.sourceDir, "before"), "before");
  for (const name of ["one", "two"]) writeFileSync(join(pair.sourceDir, name), `the ${name}`);
  execFileSync("touch", ["-d", "2020-01-01", join(pair.sourceDir, "one"), join(pair.sourceDir, "two")]);
  await pair.connect();
  await pair.expectEqual();
  await pair.target.stop();
  const [home, snapshot] = [join(directory, "b"), join(directory, "snapshot")];
  copyInto(home, join(snapshot, "home"));
  copyInto(pair.targetDir, join(snapshot, "tree"));
  await pair.restartTarget();
  // All of it is durable on the target, and forgotten on the source; of two files the names are exchanged, and nothing else.
  writeFileSync(join(pair.sourceDir, "behind"), "behind");
  for (const [from, to] of [
    ["one", "three"],
    ["two", "one"],
    ["three", "two"],
  ] as const)
    renameSync(join(pair.sourceDir, from), join(pair.sourceDir, to));
  rmSync(join(pair.sourceDir, "before"));
  await pair.expectEqual();
  await eventually(async () => expect((await pair.report()).queuedOps).toBe(0));
  await pair.target.stop();
  copyInto(join(snapshot, "home"), home);
  copyInto(join(snapshot, "tree"), pair.targetDir);
  await pair.restartTarget();
  await pair.sync();
  await expectEqualTrees(pair.sourceDir, pair.targetDir);
});
