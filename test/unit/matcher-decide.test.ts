import micromatch from "micromatch";
import { expect, test } from "vitest";
import { type BytePath, bytesFromText } from "../../src/model/byte-path.js";
import { compileGlob, escapeGlob, expandBraces, literalCharacters, splitRulePath, testName } from "../../src/model/repset-glob.js";
import { RepsetMatcher } from "../../src/model/repset-matcher.js";
import type { Rule } from "../../src/model/rule.js";

const inc = (path: string, recursive = true): Rule => ({ path, mode: "include", recursive });
const exc = (path: string, recursive = true): Rule => ({ path, mode: "exclude", recursive });
const D = true;

/** "d/" asks for a directory, everything else for a file. */
function included(rules: readonly Rule[], paths: readonly string[], root = "/d"): string[] {
  const matcher = new RepsetMatcher(rules, root);
  return paths.filter((path) => matcher.decide(bytesFromText(path.replace(/\/$/, "")) as BytePath, path.endsWith("/")));
}

test.each<[string, Rule[], string[], string[]]>([
  ["recursive include: all below", [inc("/d")], ["/", "x", "x/", "x/y/z"], ["/", "x", "x/", "x/y/z"]],
  ["non-recursive include: itself and its files", [inc("/d", false)], ["/", "x", "x/", "x/y"], ["/", "x"]],
  ["no rule: not in the set", [inc("/d/a")], ["/", "b", "a", "ab", "a/x"], ["a", "a/x"]],
  ["star, recursive: everything below at any depth", [inc("/d/*")], ["/", "x", "x/", "x/y/z"], ["x", "x/", "x/y/z"]],
  ["star, non-recursive: only directly below", [inc("/d/*", false)], ["/", "x", "x/", "x/y"], ["x", "x/"]],
  ["exclude *.tmp at any depth", [inc("/d"), exc("/d/*.tmp")], ["a.tmp", "x/a.tmp", "x/a.tmp.o", "x.tmp/", "x.tmp/y", ".tmp"], ["x/a.tmp.o"]],
  ["exclude *.tmp only directly", [inc("/d"), exc("/d/*.tmp", false)], ["a.tmp", "x/a.tmp", "x.tmp/", "x.tmp/y"], ["x/a.tmp", "x.tmp/y"]],
  ["a directory that a glob excludes, all included by star", [inc("/d/*"), exc("/d/cache*")], ["cache1/", "cache1/db", "x/cache2/y", "x/y"], ["x/y"]],
  ["only some names: the rest excluded by star", [exc("/d/*"), inc("/d/*.db")], ["a.db", "x/b.db", "x/c"], ["a.db", "x/b.db"]],
  ["the longer literal prefix decides", [inc("/d"), exc("/d/*.log"), inc("/d/logs")], ["logs/x.log", "y.log"], ["logs/x.log"]],
  ["more literal characters decide", [inc("/d/*.tar.gz"), exc("/d/*.gz")], ["a.gz", "a.tar.gz"], ["a.tar.gz"]],
  ["exclude wins among equals", [exc("/d"), inc("/d")], ["x"], []],
  ["exclude wins among equal globs", [inc("/d/a*"), exc("/d/*a")], ["ab", "ba", "aa"], ["ab"]],
  ["exception to an exception", [inc("/d"), exc("/d/a"), inc("/d/a/b")], ["a/", "a/x", "a/b/", "a/b/y"], ["a/b/", "a/b/y"]],
  ["an exclude of one directory without its subdirectories", [inc("/d"), exc("/d/a", false)], ["a/", "a/x", "a/s/", "a/s/y"], ["a/s/", "a/s/y"]],
  ["a file named by a rule", [inc("/d/f.conf")], ["f.conf", "g.conf"], ["f.conf"]],
  ["a glob of more components is anchored", [inc("/d/*/logs")], ["a/logs/", "a/logs/x", "a/b/logs", "logs"], ["a/logs/", "a/logs/x"]],
  ["globstar in the middle", [inc("/d/a/**/z", false)], ["a/z", "a/b/z", "a/b/c/z", "a/b/z/x", "z"], ["a/z", "a/b/z", "a/b/c/z"]],
  ["a directory name anywhere", [inc("/d"), exc("/d/node_modules*")], ["a/node_modules/x/y", "a/x"], ["a/x"]],
  ["dot files are names like others", [inc("/d/*")], [".x", ".x/.y"], [".x", ".x/.y"]],
  ["braces over components", [inc("/d/{a/b,c}/*.x")], ["a/b/1.x", "c/1.x", "a/1.x"], ["a/b/1.x", "c/1.x"]],
  ["escaped wildcards", [inc("/d/\\[1\\]/\\*")], ["[1]/*", "1/*", "[1]/x"], ["[1]/*"]],
  ["names with parentheses, quotes, plus and pipe", [inc('/d/x (1)+"|?')], ['x (1)+"|z', "x 1+z"], ['x (1)+"|z']],
])("%s", (_title, rules, paths, expected) => {
  expect(included(rules, paths)).toEqual(expected);
});

test("a rule above the root reaches into it", () => {
  expect(included([inc("/srv"), exc("/srv/*.o")], ["x", "x.o", "/"], "/srv/web/site")).toEqual(["x", "/"]);
  expect(included([inc("/srv/d.tmp"), exc("/srv/d.tmp/x")], ["x", "y"], "/srv/d.tmp")).toEqual(["y"]);
  expect(included([inc("/srv"), exc("/srv/*.tmp")], ["x", "/"], "/srv/d.tmp")).toEqual([]);
});

test("explain names the rule that decided", () => {
  const rules = [inc("/d"), exc("/d/*.tmp")];
  const matcher = new RepsetMatcher(rules, "/d");
  expect(matcher.explain("a/x.tmp" as BytePath, false)).toEqual({ rule: rules[1], included: false });
  expect(matcher.explain("a" as BytePath, D)).toEqual({ rule: rules[0], included: true });
  expect(new RepsetMatcher([inc("/d/a")], "/d").explain("b" as BytePath, false)).toEqual({ rule: null, included: false });
});

test("mayContain prunes what holds nothing, and keeps what leads to something", () => {
  const matcher = new RepsetMatcher([inc("/d/a"), exc("/d/a/cache"), inc("/d/a/cache/x/keep"), exc("/d/a/*.git"), inc("/d/b", false), inc("/d/c/*/z")], "/d");
  const may = (...paths: string[]): string[] => paths.filter((path) => matcher.mayContain(path as BytePath));
  expect(may("", "a", "a/q", "a/cache", "a/cache/x", "a/cache/y", "a/x.git", "a/x.git/y", "b", "b/s", "c", "c/1", "c/1/z", "c/1/y", "e")).toEqual([
    "",
    "a",
    "a/q",
    "a/cache",
    "a/cache/x",
    "b",
    "c",
    "c/1",
    "c/1/z",
  ]);
});

test("names are bytes: a literal is its UTF-8 form, wildcards take characters, stray bytes match no literal", () => {
  const decide = (glob: string, name: string): boolean => new RepsetMatcher([inc(`/d/${glob}`)], "/d").decide(name as BytePath, false);
  const utf8 = bytesFromText;
  expect([decide("\u00e9", utf8("\u00e9")), decide("\u00e9", "\xe9"), decide("*.\u00e9", utf8("x.\u00e9")), decide("*.\u00e9", "x.\xe9")]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect([decide("?", utf8("\u00e9")), decide("?", utf8("\u{1f600}")), decide("?", "\xff"), decide("??", utf8("\u00e9"))]).toEqual([true, true, true, false]);
  expect([decide("[\u00e0-\u00ff]x", utf8("\u00e9x")), decide("[\u00e0-\u00ff]x", "\xe9x"), decide("[!a]x", "\xe9x")]).toEqual([true, false, true]);
  expect([decide("a?b", "a\nb"), decide("?*", "\n")]).toEqual([true, true]);
});

test("braces stand for what micromatch says", () => {
  for (const glob of ["a{b,c}d", "{a,b}{c,d}", "x{1..3}", "{01..10}", "{c..a}", "{a,{b,c}d}e", "{a}", "a{", "{a,b", "{,x}y", "p{a/b,c}q"]) {
    const expected = micromatch.braces(glob, { expand: true }) as string[];
    expect([glob, [...expandBraces(glob)].sort()]).toEqual([glob, [...new Set(expected)].sort()]);
  }
  expect(expandBraces("{a\\,b,c}[{x,y}]")).toEqual(["a\\,b[{x,y}]", "c[{x,y}]"]);
});

test("classes and groups of one component", () => {
  const matches = (glob: string, names: readonly string[]): string[] => {
    const step = compileGlob(glob)[0]?.[0];
    return names.filter((name) => step !== undefined && step !== "**" && testName(step, name));
  };
  expect(matches("[a-c]", ["a", "b", "d", "-", "[a-c]"])).toEqual(["a", "b"]);
  expect(matches("[!a-c]x", ["ax", "dx", "^x"])).toEqual(["dx", "^x"]);
  expect(matches("[]^\\]-]", ["]", "^", "-", "\\", "a"])).toEqual(["]", "^", "-"]);
  expect(matches("[[:digit:][:upper:]_]", ["1", "A", "_", "a", ":"])).toEqual(["1", "A", "_"]);
  expect(matches("@(a|b.c).x", ["a.x", "b.c.x", "bxc.x", "ab.x"])).toEqual(["a.x", "b.c.x"]);
  expect(matches("?(a)b", ["b", "ab", "aab"])).toEqual(["b", "ab"]);
  expect(matches("!(a|b)", ["a", "b", "c", "ab"])).toEqual(["c", "ab"]);
  expect(matches("a^$+.|,<>'b?", ["a^$+.|,<>'bx", "ab"])).toEqual(["a^$+.|,<>'bx"]);
});

test("the literal prefix ends at the component with the first wildcard", () => {
  expect(splitRulePath("/a/b/*.c/d")).toEqual({ literal: ["a", "b"], glob: "*.c/d" });
  expect(splitRulePath("/a/{x/y,z}/c")).toEqual({ literal: ["a"], glob: "{x/y,z}/c" });
  for (const plain of ["/", "/a/{guid}", "/a/x[1", "/a/b(c)", "/a/b!c"]) expect(splitRulePath(plain).glob).toBe("");
  for (const odd of ["a*b", "[x]", "{a,b}", "@(a)", "q?", "b\\s", "!(x)"])
    expect(splitRulePath(`/r/${escapeGlob(odd)}`)).toEqual({ literal: ["r", odd], glob: "" });
  expect(["*", "*.tmp", "a\\*b", "[abc]x", "{a,b}.c", "@(a|b)c", "**/x"].map(literalCharacters)).toEqual([0, 4, 3, 1, 2, 1, 1]);
});

test("a hostile name costs a bounded time", () => {
  const matcher = new RepsetMatcher([inc("/d/*[a]*[a]*b"), exc("/d/!(*a*a)b")], "/d");
  const start = performance.now();
  matcher.decide("a".repeat(255) as BytePath, false);
  expect(performance.now() - start).toBeLessThan(2000);
});

test("more directories than are remembered change no decision", () => {
  const matcher = new RepsetMatcher([inc("/d"), exc("/d/*/x"), exc("/d/*.tmp")], "/d");
  for (let i = 0; i < 40_000; i++) expect(matcher.decide(`d${i}/${i % 3 === 0 ? "x" : i % 3 === 1 ? "a.tmp" : "y"}` as BytePath, false)).toBe(i % 3 === 2);
  expect(matcher.decide("d0/y" as BytePath, false)).toBe(true);
});
