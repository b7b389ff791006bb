// What a real agent says of paths in, around and outside of its sets.

import { linkSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PathExplanation, SetExplanation } from "../../src/model/explanation.js";
import { AgentPair } from "../support/agent-pair.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("a path is explained by rule, state and target, connected or not", async () => {
  const pair = await AgentPair.start(makeTempDirectory());
  const source = (name: string): string => join(pair.sourceDir, name);
  const explain = async (path: string): Promise<PathExplanation> => (await pair.source.json<{ explanation: PathExplanation }>(["explain", path])).explanation;
  const inData = async (name: string): Promise<SetExplanation> => {
    const { sets } = await explain(source(name));
    expect(sets.map(({ repset }) => repset)).toEqual(["data"]);
    return sets[0] as SetExplanation;
  };
  mkdirSync(source("d/cache"), { recursive: true });
  writeFileSync(source("d/f"), "12345");
  linkSync(source("d/f"), source("g"));
  writeFileSync(source("d/cache/x"), "");
  await pair.connect();
  await pair.source.json(["repset", "rule", "add", "data", source("d/cache"), "--exclude"]);
  await pair.sync();

  const { dev, ino } = statSync(source("d/f"));
  const file = await inData("d/f");
  expect(file).toMatchObject({ root: pair.sourceDir, decision: "included", rule: { path: pair.sourceDir, mode: "include" }, ruleNumber: 1 });
  expect(file.knowledge).toMatchObject({ known: { type: "file", size: 5, inode: ino, names: 2 }, waits: [] });
  expect((await explain(source("d/f"))).onDisk).toMatchObject({ type: "file", size: 5, inode: ino, device: file.knowledge?.known?.device });
  expect(file.knowledge?.known?.device).toBe(`${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`);
  expect(file.targets).toMatchObject([{ connection: pair.connectionId, target: "B", path: join(pair.targetDir, "d/f"), isChecked: false }]);

  writeFileSync(source("d/f"), "1234567");
  await pair.sync();
  const changed = (await inData("d/f")).knowledge?.known;
  expect(changed?.size).toBe(7);
  expect(changed?.version).toBeGreaterThan(file.knowledge?.known?.version ?? Number.NaN);

  const excluded = { decision: "excluded", rule: { path: source("d/cache"), mode: "exclude" }, ruleNumber: 2, knowledge: { known: null, waits: [] } };
  expect(await inData("d/cache/x")).toMatchObject(excluded);
  rmSync(source("d/f"));
  await pair.sync();
  expect(await explain(source("d/f"))).toMatchObject({ onDisk: null, sets: [{ decision: "included", knowledge: { known: null } }] });
  expect((await explain(join(pair.targetDir, "../elsewhere"))).sets).toEqual([]);

  await pair.source.json(["disconnect", `${pair.connectionId}`]);
  expect(await inData("g")).toMatchObject({ root: pair.sourceDir, decision: "included", knowledge: null, targets: [] });
  const above = await explain(join(pair.sourceDir, ".."));
  expect(above.sets).toMatchObject([{ repset: "data", root: null, decision: "way", rule: null, ruleNumber: null }]);
  const told = await pair.source.cli(["explain", source("d/cache/x")]);
  expect(told.stdout).toContain(`set data: excluded by rule 2, exclude ${source("d/cache")}`);
});
