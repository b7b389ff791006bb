// The pages that map the guide name a test for what they say is there: each of them is there.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../support/sm-program.js";

const NAMED = /`((?:unit|contract|property|fault|e2e|soak)\/[^`]+)`/g;

test.each([
  ["docs/guide-pages.md", 50],
  ["docs/jobs.md", 25],
])("every test that %s names exists", (page, least) => {
  const text = readFileSync(join(ROOT, page), "utf8");
  const named = new Set([...text.matchAll(NAMED)].map(([, file = ""]) => file));
  expect(named.size).toBeGreaterThan(least);
  expect([...named].filter((file) => !existsSync(join(ROOT, "test", `${file}.test.ts`)))).toEqual([]);
});

test("README leads to both pages", () => {
  const links = readFileSync(join(ROOT, "README.md"), "utf8");
  for (const page of ["docs/guide-pages.md", "docs/jobs.md"]) expect(links).toContain(`[${page}](${page})`);
});
