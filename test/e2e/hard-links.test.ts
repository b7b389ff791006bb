// Hard links that went wrong on the target, between two real agents.

import { linkSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AgentPair } from "../support/agent-pair.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** More than one slice of a comparison. */
const FILES = 400;

test("files linked to each other on the target alone, and apart on the target alone: a difference mirror finds them, and then nothing more", async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  const source = (name: string): string => join(pair.sourceDir, name);
  const target = (name: string): string => join(pair.targetDir, name);
  mkdirSync(source("d"));
  for (let i = 0; i < FILES; i++) writeFileSync(source(`f${String(i).padStart(3, "0")}`), `${i}`.padStart(8));
  for (let i = 0; i < FILES; i++) utimesSync(source(`f${String(i).padStart(3, "0")}`), 1000, 1000);
  for (const name of ["f007", "f200"]) linkSync(source(name), source(`d/${name}`));
  await pair.connect();
  await pair.expectEqual();
  // Of one size and time all of them: nothing but the links tells.
  for (const [name, other] of [
    ["f390", "f001"],
    ["d/f007", "f008"],
  ] as const) {
    rmSync(target(name));
    linkSync(target(other), target(name));
  }
  rmSync(target("d/f200"));
  writeFileSync(target("d/f200"), readFileSync(target("f200")));
  utimesSync(target("d/f200"), 1000, 1000);
  const outside = join(pair.targetDir, "../outside");
  linkSync(target("f100"), outside);
  const healing = await pair.mirror("difference");
  await pair.expectEqual();
  expect([statSync(outside).nlink, readFileSync(outside, "utf8")]).toEqual([1, readFileSync(source("f100"), "utf8")]);
  expect(healing).toMatchObject({ outcome: "done", percent: 100 });
  expect(healing.bytesDone).toBeLessThan(20 * 8);
  expect(await pair.mirror("difference")).toMatchObject({ outcome: "done", bytesDone: 0 });
});
