// The page on security names a test for each of its claims: each of them is there.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../support/sm-program.js";

const page = readFileSync(join(ROOT, "docs/security.md"), "utf8");
const NAMED = /`((?:unit|contract|property|fault|e2e)\/[a-z-]+)(?:: ([^`]+))?`/g;

test("every test that docs/security.md names exists, by file and title", () => {
  const named = [...page.matchAll(NAMED)];
  expect(named.length).toBeGreaterThan(30);
  const missing = named.filter(([, file = "", title]) => {
    const path = join(ROOT, "test", `${file}.test.ts`);
    // A title stands in the source behind the parenthesis of its test, whole.
    return title === undefined || !existsSync(path) || ![`"${title}"`, `\`${title}\``].some((text) => readFileSync(path, "utf8").includes(text));
  });
  expect(missing.map(([text]) => text)).toEqual([]);
});

test("every claim of a defence has its test, and every section says what is not defended", () => {
  const sections = page
    .split(/^## /m)
    .slice(1)
    .filter((section) => /^(An? |A paired)/.test(section));
  expect(sections.length).toBe(7);
  for (const section of sections) {
    const title = section.split("\n")[0];
    expect(section, title).toContain("**Not defended.**");
    const rows = section.split("\n").filter((line) => line.startsWith("| ") && !/^\| (wants to|mistake) \|/.test(line));
    for (const row of rows) expect(row.match(NAMED)?.length ?? 0, row).toBeGreaterThan(0);
  }
});
