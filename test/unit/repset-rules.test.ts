import { expect, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import {
  checkRepsetName,
  checkRulePath,
  checkTargetPath,
  requireRepsetName,
  requireRulePath,
  requireTargetPath,
  tidyPath,
} from "../../src/model/repset-name.js";
import { findOverlap, isInside, isLoop, relativeTo, requireNoOverlap, rootsOf } from "../../src/model/repset-roots.js";
import { normaliseRules } from "../../src/model/repset-rules.js";
import type { Rule } from "../../src/model/rule.js";

const inc = (path: string, recursive = true): Rule => ({ path, mode: "include", recursive });
const exc = (path: string, recursive = true): Rule => ({ path, mode: "exclude", recursive });
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof SmError) return error.code;
    throw error;
  }
  return "none";
};

test("names of sets: everything but the listed characters, 1 to 255 bytes", () => {
  for (const name of ["a", "web data", "\u00fcml\u00e4ut", "a-b_c(1)", "x".repeat(255), "\u65e5\u672c"]) expect(checkRepsetName(name)).toBeUndefined();
  for (const c of '.?<>:"/\\*|\0\n\x1f\x7f\ud800') expect([c, checkRepsetName(`a${c}b`)]).not.toEqual([c, undefined]);
  expect(checkRepsetName("")).toBe("is empty");
  expect(checkRepsetName("\u00e9".repeat(128))).toBe("has 256 bytes, 255 are allowed");
  expect(codeOf(() => requireRepsetName("a.b"))).toBe("REPSET_NAME_ILLEGAL");
});

test.each([
  ["a/b", "is not absolute"],
  ["", "is not absolute"],
  ["/a/../b", 'holds ".."'],
  ["/a/..", 'holds ".."'],
  ["/a//b", "is not normalised"],
  ["/a/", "is not normalised"],
  ["/a/./b", "is not normalised"],
  ["/a\0b", "holds a NUL"],
  ["/a/\ud800", "is no valid Unicode text"],
  ["/*.tmp", "does not follow a literal directory"],
  ["/**/x", "does not follow a literal directory"],
  [`/${"d/".repeat(2100)}x`, "has 4202 bytes, 4095 are allowed"],
  [`/${"x".repeat(256)}`, "more than 255 bytes"],
  ["/a/+(b)", "repeating group"],
  ["/a/@(b@(c))", "a group inside a group"],
  ["/a/*b*c*d*", "more than 3 stars"],
  ["/a/{1..999}", "more than 256 alternatives"],
  ["/a/{1..99}{1..99}{1..99}{1..99}", "more than 256 alternatives"],
  ["/a/[z-a]", "runs backwards"],
  ["/a/[[:nope:]]", "unknown character class"],
  ["/a/{b/..,c}/x", 'an empty, "." or ".." component'],
])("rule path %j is refused", (path, reason) => {
  expect(checkRulePath(path)).toContain(reason);
  expect(codeOf(() => requireRulePath(path))).toBe("REPSET_RULE_ILLEGAL");
});

test("legal rule paths, also longer than 259 characters", () => {
  const long = `/${"directory/".repeat(408)}x`;
  for (const path of ["/", "/a", "/a.b/c d", "/a/*", "/a/*.{tmp,o}", "/a/**/x", "/a/[[:digit:]]*", "/a/{guid}", "/a/b[1", "/a/x(1)", "/a/\\*", long])
    expect([path, checkRulePath(path)]).toEqual([path, undefined]);
});

test("target locations take dots and slashes, but none of the other listed characters", () => {
  expect(checkTargetPath("/backup/web.example.com/v1.2")).toBeUndefined();
  for (const c of '?<>:"\\*|\0\n') expect(codeOf(() => requireTargetPath(`/a${c}b`))).toBe("MAP_INVALID");
  for (const path of ["a", "/a/../b", "/a/", "/a//b", "/a/./b", `/${"x".repeat(256)}`]) expect([path, checkTargetPath(path)]).not.toEqual([path, undefined]);
});

test("what people type is tidied, but not guessed at", () => {
  expect(["/a/", "//a//b/./c", "/", "/.", "a/", "/a/../b"].map(tidyPath)).toEqual(["/a", "/a/b/c", "/", "/", "a/", "/a/../b"]);
});

test("redundant rules: the upper recursive rule of the same type wins, other types stay", () => {
  const { rules, dropped } = normaliseRules([
    inc("/var/data/old", false),
    inc("/var/data"),
    exc("/var/data/tmp"),
    exc("/var/data/tmp/x"),
    inc("/var/data/"),
    inc("/var/data/*.db"),
  ]);
  expect(rules).toEqual([inc("/var/data"), exc("/var/data/tmp")]);
  expect(dropped.map(({ rule, reason }) => [rule.path, reason])).toEqual([
    ["/var/data", "the same rule is there already"],
    ["/var/data/old", "the recursive rule /var/data inc, rec covers it"],
    ["/var/data/tmp/x", "the recursive rule /var/data/tmp exc, rec covers it"],
    ["/var/data/*.db", "the recursive rule /var/data inc, rec covers it"],
  ]);
});

test("an exception to an exception is not redundant, nor is a rule beside a similar name", () => {
  const rules = [inc("/a"), exc("/a/b"), inc("/a/b/c"), inc("/ab"), exc("/ab/*.o"), inc("/ab/c")];
  expect(normaliseRules(rules)).toEqual({ rules, dropped: [] });
});

test("a set needs an include rule", () => {
  expect(codeOf(() => normaliseRules([]))).toBe("REPSET_EMPTY");
  expect(codeOf(() => normaliseRules([exc("/a")]))).toBe("REPSET_EMPTY");
  expect(codeOf(() => normaliseRules([inc("/a/../b")]))).toBe("REPSET_RULE_ILLEGAL");
});

test("roots are the fewest literal directories, files root at their parent", () => {
  const isDirectory = (path: string): boolean => !path.endsWith(".conf");
  expect(rootsOf([inc("/b/c"), inc("/b"), exc("/x"), inc("/bc/d*/e"), inc("/etc/app.conf"), inc("/etc/app.d"), inc("/q/\\[1\\]/*")], isDirectory)).toEqual([
    "/b",
    "/bc",
    "/etc",
    "/q/[1]",
  ]);
  expect(rootsOf([inc("/app.conf")], isDirectory)).toEqual(["/"]);
  expect(rootsOf([inc("/a"), inc("/")], isDirectory)).toEqual(["/"]);
});

test.each<[string, Rule[], Rule[], string | undefined]>([
  ["the same path", [inc("/a")], [inc("/a")], "/a"],
  ["one below the other", [inc("/a")], [inc("/a/b")], "/a/b"],
  ["excluded by the upper", [inc("/a"), exc("/a/b")], [inc("/a/b")], undefined],
  ["excluded by a glob", [inc("/a"), exc("/a/b*")], [inc("/a/b")], undefined],
  ["excluded but for an exception", [inc("/a"), exc("/a/b"), inc("/a/b/c")], [inc("/a/b")], "/a/b/c"],
  ["similar names", [inc("/a")], [inc("/ab")], undefined],
  ["a directory's files, one of which may be the other path", [inc("/a", false)], [inc("/a/b")], "/a/b"],
  ["the same, told apart", [inc("/a", false), exc("/a/b")], [inc("/a/b")], undefined],
  ["a directory without what is below", [inc("/a", false)], [inc("/a/b/c")], undefined],
  ["globs with one common name", [inc("/a/*.db")], [inc("/a/x*")], "/a/x.db"],
  ["globs without a common name", [inc("/a/*.db")], [inc("/a/*.log")], undefined],
  ["alternatives", [inc("/a/*.{db,log}")], [inc("/a/{x,y}.log")], "/a/x.log"],
  ["glob against directory", [inc("/a/*.db")], [inc("/a/sub")], "/a/sub/any.db"],
  ["a glob in the middle", [inc("/a/*/logs")], [inc("/a/x/logs")], "/a/x/logs"],
])("overlap: %s", (_title, a, b, path) => {
  expect(findOverlap(a, b)).toBe(path);
  expect(findOverlap(b, a) === undefined).toBe(path === undefined);
});

test("an overlap names both sets and the path", () => {
  const set = (name: string, path: string) => ({ name, generation: 1, rules: [inc(path)] });
  expect(() => requireNoOverlap(set("one", "/a"), set("two", "/a/b"))).toThrow('/a/b would belong to both replication sets "one" and "two"');
  expect(codeOf(() => requireNoOverlap(set("one", "/a"), set("two", "/a/b")))).toBe("REPSET_OVERLAP");
});

test("inside, loops, and paths below a root", () => {
  expect([isInside("/a/b", "/a"), isInside("/a", "/a"), isInside("/ab", "/a"), isInside("/a", "/a/b"), isInside("/a", "/")]).toEqual([
    true,
    true,
    false,
    false,
    true,
  ]);
  expect([isLoop("/a", "/a/b"), isLoop("/a/b", "/a"), isLoop("/a", "/b")]).toEqual([true, true, false]);
  expect([relativeTo("/a/\u00e9", "/a"), relativeTo("/a", "/a"), relativeTo("/a", "/"), relativeTo("/b", "/a")]).toEqual(["\u00c3\u00a9", "", "a", undefined]);
});
