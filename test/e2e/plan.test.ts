// Dry runs: what would be done is told, and nothing is changed on either side. What leaves a set by its rules stays on the target.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PlanJobReport } from "../../src/model/job.js";
import type { RulePlan } from "../../src/model/plan.js";
import { AgentPair } from "../support/agent-pair.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("a mirror, an orphans job and other rules are told in advance; what leaves the set stays on the target as it is", async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  const at = (path: string): string => join(pair.sourceDir, path);
  const on = (path: string): string => join(pair.targetDir, path);
  mkdirSync(at("cache/deep"), { recursive: true });
  for (const path of ["cache/a", "cache/deep/b", "gone", "edited", "kept"]) writeFileSync(at(path), "four");
  await pair.connect();
  await pair.sync();
  rmSync(on("gone"));
  writeFileSync(on("edited"), "by hand");
  mkdirSync(on("stranger"));
  for (const name of ["a", "b"]) writeFileSync(on(`stranger/${name}`), "0123456789");
  const dry = await pair.source.cli(["mirror", "start", "1", "--dry-run", "--names", "1"], { timeoutMs: 60_000 });
  expect(dry, dry.stderr).toMatchObject({ code: 0 });
  expect(dry.stdout).toContain("this will delete nothing on B");
  expect(dry.stdout).toContain(`1 files (4 B) and 0 directories created on the target:\n    ${at("gone")}\n`);
  expect(dry.stdout).toContain(`2 files (20 B) and 1 directories only on the target, and stay there:\n    ${on("stranger")}/\n`);
  const { job } = await pair.source.json<{ job: PlanJobReport }>(["job", "show", "1"]);
  expect(job).toMatchObject({
    kind: "plan",
    status: "Done",
    percent: 100,
    plan: { wish: { mode: "difference" }, namesMax: 1, counts: { files: 5, unjudged: 0 } },
  });
  expect(job.plan.parts.overwrite).toEqual({ files: 1, directories: 0, bytes: 4, names: [at("edited")] });
  const orphans = await pair.source.cli(["orphans", "start", "1", "--action", "delete", "--dry-run", "--names", "0"], { timeoutMs: 60_000 });
  expect(orphans, orphans.stderr).toMatchObject({ code: 0 });
  expect(orphans.stdout).toContain("dry run: this will delete 2 files (20 B) and 1 directories on B");
  expect(orphans.stdout).not.toContain("stranger");
  expect([existsSync(on("gone")), readFileSync(on("edited"), "utf8"), existsSync(on("stranger/b"))]).toEqual([false, "by hand", true]);
  const exclude = ["repset", "rule", "add", "data", at("cache"), "--exclude"];
  const edit = await pair.source.json<{ plan: RulePlan }>([...exclude, "--dry-run"]);
  const nothing = { files: 0, directories: 0, bytes: 0, names: [] };
  expect(edit.plan).toMatchObject({ repset: { generation: 2 }, included: nothing, connections: [{ id: 1, target: "B" }], problems: 0 });
  expect(edit.plan.excluded).toEqual({ files: 2, directories: 2, bytes: 8, names: [`${at("cache")}/`] });
  expect(await pair.source.json(["repset", "show", "data"])).toMatchObject({ repset: { generation: 1 } });
  await pair.source.json(exclude);
  writeFileSync(at("cache/a"), "not replicated");
  await pair.sync();
  expect(["cache/a", "cache/deep/b"].map((path) => readFileSync(on(path), "utf8"))).toEqual(["four", "four"]);
});
