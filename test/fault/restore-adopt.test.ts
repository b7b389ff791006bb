// The agent of a restored source is killed while the directory that was made anew becomes that of all connections of the set.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AgentPair } from "../support/agent-pair.js";
import { expectEqualTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("the restored connection is not on record with it, another one is", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory, { sourceAgent: { failpoint: "restore.adopt.beforeRecord:2" } });
  for (let i = 0; i < 20; i++) writeFileSync(join(pair.sourceDir, `f${i}`), `content ${i}`);
  await pair.connect();
  const beside = join(directory, "beside");
  mkdirSync(beside);
  await pair.source.json(["connect", "data", "localhost", "--map", `${pair.sourceDir}=${beside}`]);
  const { connections } = await pair.source.status();
  const ids = connections.map(({ id }) => id);
  const syncAll = async (): Promise<void> => {
    for (const id of ids) expect(await pair.source.api("connection.sync", { id, timeoutMs: 50_000 })).toMatchObject({ status: 200 });
  };
  await syncAll();

  renameSync(pair.sourceDir, `${pair.sourceDir}-gone`);
  await eventually(async () => expect((await pair.report()).reasons).toMatchObject([{ code: "ROOT_MISSING" }]));
  const { exited } = pair.source;
  expect(await pair.source.api("restore.start", { repset: "data", from: "B" })).toMatchObject({ status: 200 });
  expect(await exited).toMatchObject({ signal: "SIGKILL" });

  await pair.restartSource();
  await syncAll();
  writeFileSync(join(pair.sourceDir, "later"), "goes on");
  for (const target of [pair.targetDir, beside]) {
    await eventually(() => expect(readFileSync(join(target, "later"), "utf8")).toBe("goes on"));
    await expectEqualTrees(pair.sourceDir, target);
  }
  expect((await pair.source.status()).connections.map(({ reasons }) => reasons)).toEqual([[], []]);
});
