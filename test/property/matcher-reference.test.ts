import fc from "fast-check";
import micromatch from "micromatch";
import { expect, test } from "vitest";
import { type BytePath, bytesFromText, isBytePath } from "../../src/model/byte-path.js";
import { literalCharacters, splitRulePath } from "../../src/model/repset-glob.js";
import { RepsetMatcher } from "../../src/model/repset-matcher.js";
import { normaliseRules } from "../../src/model/repset-rules.js";
import type { Rule } from "../../src/model/rule.js";

// The reference works from the definition alone: for each rule it tries every ancestor of the path, with
// micromatch on the whole glob, and sorts what holds.

interface Holding {
  readonly rule: Rule;
  readonly index: number;
  readonly key: readonly number[];
}

function holdDepth(rule: Rule, path: readonly string[], isDirectory: boolean): number | undefined {
  const { literal, glob } = splitRulePath(rule.path);
  if (literal.length > path.length || !literal.every((name, i) => name === path[i])) return undefined;
  const below = path.length - literal.length;
  if (glob === "") return rule.recursive || below === 0 || (below === 1 && !isDirectory) ? literal.length : undefined;
  const pattern = rule.recursive && !glob.includes("/") && glob !== "**" ? `**/${glob}` : glob;
  // "**" stands for no component too, wherever it is; micromatch alone says so of d/** but not of d*/**.
  const patterns = pattern.endsWith("/**") ? [pattern, pattern.slice(0, -3)] : [pattern];
  const regexes = patterns.map((text) => micromatch.makeRe(text, { dot: true, nonegate: true, literalBrackets: false }));
  for (let length = rule.recursive ? 1 : below; length <= below; length++) {
    const text = path.slice(literal.length, literal.length + length).join("/");
    if (length > 0 && regexes.some((regex) => regex.test(text))) return literal.length + length;
  }
  return undefined;
}

function referenceDecide(rules: readonly Rule[], path: readonly string[], isDirectory: boolean): boolean {
  const holding: Holding[] = [];
  for (const [index, rule] of rules.entries()) {
    const depth = holdDepth(rule, path, isDirectory);
    if (depth === undefined) continue;
    const { literal, glob } = splitRulePath(rule.path);
    holding.push({ rule, index, key: [literal.length, depth, literalCharacters(glob), rule.mode === "exclude" ? 1 : 0] });
  }
  holding.sort((a, b) => a.key.map((value, i) => (b.key[i] ?? 0) - value).find((order) => order !== 0) ?? 0);
  return holding[0]?.rule.mode === "include";
}

const NAMES = ["a", "b", "ab", "a.tmp", "b.tmp", ".a", "tmp"];
const GLOBS = ["*", "*.tmp", "a*", "?", "[ab]*", "{a,b}.tmp", "*.t?p", "@(a|b)", "!(a)", "**", "a*p", "{a,b*,tmp}"];
const MULTI = ["*/a", "**/*.tmp", "a*/**", "**/a/**", "*/*/b", "{a/b,b}/*.tmp", "**/a/*", "a?*/**/b", "**/*"];
const nameArb = fc.constantFrom(...NAMES);
const prefixArb = fc.array(fc.constantFrom("a", "b", "ab"), { minLength: 1, maxLength: 3 }).map((parts) => `/r/${parts.join("/")}`);
const pathArb = fc.oneof(
  prefixArb,
  fc.constant("/r"),
  fc.tuple(fc.oneof(prefixArb, fc.constant("/r")), fc.constantFrom(...GLOBS, ...MULTI)).map(([prefix, glob]) => `${prefix}/${glob}`),
);
const ruleArb = fc.record({ path: pathArb, mode: fc.constantFrom("include" as const, "exclude" as const), recursive: fc.boolean() });
const rulesArb = fc.array(ruleArb, { minLength: 1, maxLength: 7 });
const componentsArb = fc.array(nameArb, { maxLength: 5 });
const RUNS = 6000;

test("the matcher decides as the definition says", () => {
  fc.assert(
    fc.property(rulesArb, fc.array(fc.tuple(componentsArb, fc.boolean()), { minLength: 1, maxLength: 12 }), (rules, paths) => {
      const matcher = new RepsetMatcher(rules, "/r");
      for (const [components, isDirectory] of paths) {
        const path = components.join("/") as BytePath;
        expect({ rules, path, isDirectory, included: matcher.decide(path, isDirectory) }).toEqual({
          rules,
          path,
          isDirectory,
          included: referenceDecide(rules, ["r", ...components], isDirectory),
        });
      }
    }),
    { numRuns: RUNS },
  );
});

test("a matcher of any root decides alike", () => {
  fc.assert(
    fc.property(rulesArb, componentsArb, componentsArb, fc.boolean(), (rules, above, below, isDirectory) => {
      const whole = new RepsetMatcher(rules, "/").decide(["r", ...above, ...below].join("/") as BytePath, isDirectory);
      const part = new RepsetMatcher(rules, ["/r", ...above].join("/")).decide(below.join("/") as BytePath, isDirectory);
      expect({ rules, above, below, included: part }).toEqual({ rules, above, below, included: whole });
    }),
    { numRuns: RUNS },
  );
});

test("mayContain never denies a directory that an included path lies below", () => {
  fc.assert(
    fc.property(rulesArb, fc.array(nameArb, { minLength: 1, maxLength: 6 }), fc.boolean(), (rules, components, isDirectory) => {
      const matcher = new RepsetMatcher(rules, "/r");
      if (!matcher.decide(components.join("/") as BytePath, isDirectory)) return;
      for (let length = 0; length < components.length; length++) {
        const directory = components.slice(0, length).join("/") as BytePath;
        expect({ rules, components, directory, may: matcher.mayContain(directory) }).toEqual({ rules, components, directory, may: true });
      }
    }),
    { numRuns: RUNS },
  );
});

test("takesAll says so only of directories in which every name is included", () => {
  let told = 0;
  fc.assert(
    fc.property(rulesArb, componentsArb, nameArb, fc.boolean(), (rules, components, name, isDirectory) => {
      const matcher = new RepsetMatcher(rules, "/r");
      const directory = components.join("/") as BytePath;
      if (!matcher.takesAll(directory)) return;
      told += 1;
      const path = [...components, name].join("/") as BytePath;
      expect({ rules, path, isDirectory, included: matcher.decide(path, isDirectory) }).toEqual({ rules, path, isDirectory, included: true });
    }),
    { numRuns: RUNS },
  );
  expect(told).toBeGreaterThan(0);
});

test("dropping redundant rules changes no decision", () => {
  fc.assert(
    fc.property(rulesArb, fc.array(fc.tuple(componentsArb, fc.boolean()), { minLength: 1, maxLength: 12 }), (rules, paths) => {
      if (!rules.some((rule) => rule.mode === "include")) return;
      const { rules: kept, dropped } = normaliseRules(rules);
      expect(kept.length + dropped.length).toBe(rules.length);
      const before = new RepsetMatcher(rules, "/r");
      const after = new RepsetMatcher(kept, "/r");
      for (const [components, isDirectory] of paths) {
        const path = components.join("/") as BytePath;
        expect({ rules, path, isDirectory, included: after.decide(path, isDirectory) }).toEqual({
          rules,
          path,
          isDirectory,
          included: before.decide(path, isDirectory),
        });
      }
    }),
    { numRuns: RUNS },
  );
});

test("any bytes in a name are decided without an error, and literal names only by their own bytes", () => {
  const byteName = fc
    .array(
      fc.integer({ min: 1, max: 255 }).filter((code) => code !== 47),
      { minLength: 1, maxLength: 12 },
    )
    .map((codes) => String.fromCharCode(...codes));
  const rules: Rule[] = [
    { path: "/r/caf\u00e9", mode: "include", recursive: true },
    { path: "/r/?\u00fc*", mode: "include", recursive: true },
  ];
  const matcher = new RepsetMatcher(rules, "/r");
  fc.assert(
    fc.property(byteName, (name) => {
      if (!isBytePath(name)) return;
      const isIncluded = matcher.decide(name, false);
      const text = Buffer.from(name, "latin1").toString("utf8");
      if (isIncluded)
        expect(name === bytesFromText("caf\u00e9") || Buffer.from(name, "latin1").includes(Buffer.from("\u00fc")) || text.includes("\u00fc")).toBe(true);
    }),
    { numRuns: RUNS },
  );
});
