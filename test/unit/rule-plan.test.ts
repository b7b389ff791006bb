// What other rules would put into a set, and take out of it, counted over a real tree.

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { compareRules } from "../../src/agent/rule-plan.js";
import type { Rule } from "../../src/model/rule.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const FILES = ["data/a.txt", "data/b.tmp", "data/cache/c", "data/cache/deep/d.tmp", "data/cache/deep/e", "data/logs/f", "more/g", "more/h.tmp"];

function planted(): string {
  const home = makeTempDirectory();
  for (const path of FILES) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), "0123456789");
  }
  symlinkSync("a.txt", join(home, "data/cache/link"));
  return home;
}

const include = (path: string, recursive = true): Rule => ({ path, mode: "include", recursive });
const exclude = (path: string): Rule => ({ path, mode: "exclude", recursive: true });
const NOTHING = { files: 0, directories: 0, bytes: 0, names: [] };

test("the same rules change nothing; nor does one that names what is not there", async () => {
  const home = planted();
  const before = [include(`${home}/data`)];
  const none = { included: NOTHING, excluded: NOTHING, problems: 0 };
  expect(await compareRules({ before, after: before, namesMax: 20 })).toEqual(none);
  expect(await compareRules({ before, after: [...before, exclude(`${home}/data/nowhere`)], namesMax: 20 })).toEqual(none);
});

test("a walk that nobody waits for any more is given up, and no part of it taken for the whole", async () => {
  const home = planted();
  const before = [include(`${home}/data`)];
  const after = [...before, exclude(`${home}/data/cache`)];
  await expect(compareRules({ before, after, namesMax: 20, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "TIMEOUT" });
});

test("a directory is named once, with all below it counted; links count as files without bytes", async () => {
  const home = planted();
  const before = [include(`${home}/data`), exclude(`${home}/data/*.tmp`)];
  const after = [...before, exclude(`${home}/data/cache`)];
  const { excluded, included } = await compareRules({ before, after, namesMax: 20 });
  expect(excluded).toEqual({ files: 3, directories: 2, bytes: 20, names: [`${home}/data/cache/`] });
  expect(included).toEqual(NOTHING);
  expect(await compareRules({ before: after, after: before, namesMax: 20 })).toEqual({ included: excluded, excluded: NOTHING, problems: 0 });
});

test("a glob, and what is excluded by one rule and included by another below it", async () => {
  const home = planted();
  const before = [include(`${home}/data`), exclude(`${home}/data/cache`), include(`${home}/data/cache/deep`)];
  const plan = await compareRules({ before, after: [include(`${home}/data`), exclude(`${home}/data/*.tmp`)], namesMax: 20 });
  expect(plan.included).toEqual({ files: 2, directories: 1, bytes: 10, names: [`${home}/data/cache/`] });
  expect(plan.excluded.names).toEqual([`${home}/data/b.tmp`, `${home}/data/cache/deep/d.tmp`]);
  expect(plan.excluded).toMatchObject({ files: 2, bytes: 20 });
});

test("a set that is not connected may get other directories; names are told as far as wanted, sockets are none", async () => {
  const home = planted();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(home, "more/socket"), resolve));
  const plan = await compareRules({ before: [include(`${home}/data`)], after: [include(home)], namesMax: 0 });
  server.close();
  expect(plan).toEqual({ included: { files: 2, directories: 1, bytes: 20, names: [] }, excluded: NOTHING, problems: 0 });
});
