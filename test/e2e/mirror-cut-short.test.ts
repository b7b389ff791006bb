// A first mirror that the source does not live to end: what it has sent meanwhile is not nothing.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const DIRECTORIES = 40;
const FILES = 60;

test("what the source removes while it is dead, in the middle of its first mirror, goes from the target as well", async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  const directories = Array.from({ length: DIRECTORIES }, (_, i) => join(pair.sourceDir, `d${i}`));
  for (const directory of directories) {
    mkdirSync(directory);
    for (let i = 0; i < FILES; i++) writeFileSync(join(directory, `f${i}`), "x".repeat(2000));
  }
  await pair.connect();
  await eventually(() => expect(readdirSync(pair.targetDir).length).toBeGreaterThan(1), { intervalMs: 1 });
  await pair.source.kill9();
  for (const directory of directories) rmSync(directory, { recursive: true });
  writeFileSync(join(pair.sourceDir, "left"), "");
  await pair.restartSource();
  await pair.expectEqual();
});
