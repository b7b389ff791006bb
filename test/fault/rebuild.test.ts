// A target that is killed while a large file, with attributes, takes the place of its older version has the one or the other, and goes on
// from there.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FailpointName } from "../../src/base/failpoint.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { SeededRandom } from "../support/seeded-random.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const BYTES = 3 * 1024 * 1024;
const OLD_SECONDS = 1_600_000_000;

function plant(sourceDir: string, targetDir: string): { readonly was: Buffer; readonly is: Buffer } {
  const random = new SeededRandom(3);
  const was = Buffer.alloc(BYTES);
  for (let at = 0; at < BYTES; at += 4) was.writeUInt32LE(Math.floor(random.next() * 2 ** 32), at);
  const is = Buffer.concat([Buffer.from("in front of it all"), was]);
  writeFileSync(join(sourceDir, "large"), is);
  execFileSync("setfattr", ["-n", "user.note", "-v", "kept", join(sourceDir, "large")]);
  writeFileSync(join(targetDir, "large"), was);
  utimesSync(join(targetDir, "large"), OLD_SECONDS, OLD_SECONDS);
  return { was, is };
}

test("killed with both in the directory", async () => {
  const failpoint: FailpointName = "rebuild.put.beforeRename";
  const pair = await AgentPair.start(makeTempDirectory());
  mkdirSync(pair.targetDir);
  const { was, is } = plant(pair.sourceDir, pair.targetDir);
  await pair.target.stop();
  pair.target = await pair.target.restart({ failpoint });
  await pair.connect();
  expect(await pair.target.exited).toMatchObject({ signal: "SIGKILL" });
  const left = readFileSync(join(pair.targetDir, "large"));
  expect(left.equals(was) || left.equals(is)).toBe(true);
  await pair.restartTarget();
  await eventually(async () => expect((await pair.report()).mirror.outcome).toBe("done"), { timeoutMs: 30_000 });
  await pair.expectEqual();
  expect(readdirSync(pair.targetDir)).toEqual(["large"]);
  const { sentBytes } = await pair.report();
  expect(sentBytes).toBeLessThan(BYTES / 10);
});
