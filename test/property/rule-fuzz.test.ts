// Rules as people write them, in files of sets and on the command line. No text makes them crash or hang: it is taken, or refused with
// the reason. What is taken decides the same after it was tidied, saved and exported, and what a walk passes over holds nothing of the set.
// SM_TEST_RUNS makes more of it, SM_TEST_SECONDS ends it earlier and tells how many there were, SM_TEST_SEED draws others.

import fc from "fast-check";
import { expect, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { printable } from "../../src/cli/format/printable.js";
import { absolutePath, buildRules, literalRulePath } from "../../src/cli/parse/rule-flags.js";
import { documentOf, formatDocument, parseDocument } from "../../src/cli/repsets/repset-document.js";
import { formatRepsetFile, parseRepsetFile } from "../../src/config/repset-file.js";
import { bytesFromText, isBytePath } from "../../src/model/byte-path.js";
import { RepsetMatcher } from "../../src/model/repset-matcher.js";
import { checkRulePath, tidyPath } from "../../src/model/repset-name.js";
import { normaliseRules } from "../../src/model/repset-rules.js";
import type { Rule } from "../../src/model/rule.js";

const RUNS = Number(process.env.SM_TEST_RUNS ?? 2000);
const SECONDS = process.env.SM_TEST_SECONDS === undefined ? null : Number(process.env.SM_TEST_SECONDS);
/** No set of this size may take longer, on a loaded machine either. */
const HANG_MS = 10_000;

const words = [
  "a",
  "b",
  "ab",
  "data",
  "x.tmp",
  ".cache",
  "ä",
  "😀",
  "a b",
  "-",
  "null",
  "~",
  "007",
  "a: b",
  "# c",
  "'",
  '"',
  "\t",
  "\n",
  "\x1b[31m",
  "\u009b",
  "\u2028",
];
const globs = [
  "*",
  "**",
  "?",
  "***",
  "[ab]",
  "[!a]",
  "[a-c]",
  "[[:digit:]]",
  "[]",
  "[z-a]",
  "{a,b}",
  "{1..9}",
  "{a..c}",
  "{,x}",
  "@(a|b)",
  "!(a)",
  "?(b)",
  "+(a)",
  "*(a)",
  "*.t?p",
];
const marks = ["/", "//", "./", "../", "\\", "\\*", "\\[", "{", "}", "(", ")", "[", "]", ",", "|", "!", "@(", "\0", "\ud800", "%2f"];
const piece = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...words) },
  { weight: 3, arbitrary: fc.constantFrom(...globs) },
  { weight: 4, arbitrary: fc.constantFrom(...marks) },
  fc.string({ maxLength: 6, unit: "binary" }),
);
const soup = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
/** One that is mostly legal: a set of nothing but errors says little. */
const likely = fc
  .tuple(
    fc.array(fc.constantFrom("a", "b", "ab"), { maxLength: 2 }),
    fc.array(fc.oneof(fc.constantFrom(...words), fc.constantFrom(...globs)), { maxLength: 3 }),
  )
  .map(([literal, rest]) => ["/r", ...literal, ...rest].join("/"));
const path = fc.oneof(
  { weight: 2, arbitrary: likely },
  soup.map((text) => `/r/${text}`),
  soup,
);
const rule = fc.record({ path, mode: fc.constantFrom("include" as const, "exclude" as const), recursive: fc.boolean() });
const rules = fc.array(rule, { minLength: 1, maxLength: 6 });
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b", "ab", "c", "x.tmp", ".cache", "data", "1", "ä", "\t", "a\\", "*", "[ab]", "aaa") },
  fc.string({ minLength: 1, maxLength: 4 }).filter((text) => !/[/\0]/.test(text) && text !== "." && text !== ".."),
);
const places = fc.array(fc.array(name, { maxLength: 4 }), { minLength: 1, maxLength: 6 });

/** What the work comes to, or the code of its refusal. */
function attempt<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SmError)) throw error;
    return error.code;
  }
}

function expectSameAfterSaving(kept: readonly Rule[]): void {
  const file = parseRepsetFile("f", formatRepsetFile({ generation: 3, rules: kept }, undefined));
  expect(file).toEqual({ repset: { generation: 3, rules: kept } });
  const document = documentOf([{ name: "s", generation: 1, rules: kept }]);
  expect(parseDocument(printable(formatDocument(document)), "x")).toEqual(document);
}

/** A walk enters what may contain something, and takes all where it is told so. */
function expectWalkable(matcher: RepsetMatcher, components: readonly string[]): void {
  const parts = components.map(bytesFromText);
  const place = parts.join("/");
  if (place === "" || !isBytePath(place)) return;
  const isIn = [matcher.decide(place, true), matcher.decide(place, false)];
  for (let length = 0; length < parts.length; length++) {
    const above = parts.slice(0, length).join("/") as Parameters<RepsetMatcher["decide"]>[0];
    if (isIn.includes(true)) expect(matcher.mayContain(above), `${JSON.stringify(place)} below ${JSON.stringify(above)}`).toBe(true);
    if (length === parts.length - 1 && matcher.takesAll(above)) expect(isIn, place).toEqual([true, true]);
  }
}

function expectCommandLine(text: string): void {
  const built = attempt(() => buildRules({ include: [text], exclude: [text], recursive: true, cwd: "/r" }));
  if (typeof built !== "string") for (const each of built) expect(each.path.startsWith("/")).toBe(true);
  const literal = tidyPath(absolutePath(`/r/${text.replaceAll(/[\\/\0]|\.\./g, "")}`, "/"));
  if (checkRulePath(literalRulePath(literal)) !== undefined) return;
  const place = bytesFromText(literal.slice(3));
  if (place !== "" && isBytePath(place)) {
    const matcher = new RepsetMatcher([{ path: literalRulePath(literal), mode: "include", recursive: true }], "/r");
    expect(matcher.decide(place, false), literal).toBe(true);
    expect(matcher.decide(`${place}x` as typeof place, false), literal).toBe(false);
  }
}

test(`${RUNS} sets of rules are taken, or refused with the reason`, { timeout: 3_600_000 }, () => {
  let slowestMs = 0;
  const count = { all: 0, taken: 0 };
  const property = fc.property(rules, places, (given, asked) => {
    const beganMs = performance.now();
    count.all += 1;
    const reasons = given.map((each) => checkRulePath(tidyPath(each.path)));
    for (const reason of reasons) expect(reason).not.toBe("");
    expectCommandLine(given[0]?.path ?? "");
    const normalised = attempt(() => normaliseRules(given));
    const isLegal = reasons.every((reason) => reason === undefined);
    if (typeof normalised === "string") expect(normalised).toBe(isLegal ? "REPSET_EMPTY" : "REPSET_RULE_ILLEGAL");
    else {
      expect(isLegal).toBe(true);
      count.taken += 1;
      const { rules: kept } = normalised;
      expect(normaliseRules(kept)).toEqual({ rules: kept, dropped: [] });
      expectSameAfterSaving(kept);
      const tidied = new RepsetMatcher(kept, "/r");
      const before = new RepsetMatcher(
        given.map((each) => ({ ...each, path: tidyPath(each.path) })),
        "/r",
      );
      for (const components of asked) {
        expectWalkable(tidied, components);
        const place = components.map(bytesFromText).join("/");
        if (!isBytePath(place)) continue;
        for (const isDirectory of [true, false]) expect(tidied.decide(place, isDirectory), place).toBe(before.decide(place, isDirectory));
      }
    }
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
  });
  fc.assert(property, {
    ...{ numRuns: RUNS },
    ...(SECONDS === null ? {} : { interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false }),
  });
  if (SECONDS !== null || RUNS > 10_000) console.log(`${count.all} sets, ${count.taken} of them taken, the slowest in ${Math.round(slowestMs)} ms`);
  expect(count.taken).toBeGreaterThan(count.all / 20);
  expect(slowestMs).toBeLessThan(HANG_MS);
});
