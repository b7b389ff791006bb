// The directories that a replication set has to be watched at, and what two sets, or a source and its target, have in common.

import { SmError } from "../base/errors.js";
import { type BytePath, bytesFromText, textFromBytes } from "./byte-path.js";
import { compileGlob, type GlobStep, splitRulePath } from "./repset-glob.js";
import { RepsetMatcher } from "./repset-matcher.js";
import type { RepsetData, Rule } from "./rule.js";

/** True when the absolute path `inner` is `outer` or lies below it. */
export function isInside(inner: string, outer: string): boolean {
  return outer === "/" ? inner.startsWith("/") : inner === outer || inner.startsWith(`${outer}/`);
}

/** One of the two paths lies inside the other (or they are equal): copying one to the other would never end. */
export function isLoop(source: string, target: string): boolean {
  return isInside(source, target) || isInside(target, source);
}

/** The literal prefix of a rule as an absolute path, wildcard escapes taken out. */
export function literalPath(rule: Rule): string {
  return `/${splitRulePath(rule.path)
    .literal.map((name) => textFromBytes(name) ?? name)
    .join("/")}`;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

/**
 * The minimal list of absolute directories that hold everything the rules include, sorted. A rule without glob whose path
 * `isDirectory` denies names a file and is watched in its parent; say true for a path that is missing, to keep it as a root.
 */
export function rootsOf(rules: readonly Rule[], isDirectory: (path: string) => boolean): string[] {
  const roots = new Set<string>();
  for (const rule of rules) {
    if (rule.mode !== "include") continue;
    const path = literalPath(rule);
    roots.add(path === "/" || splitRulePath(rule.path).glob !== "" || isDirectory(path) ? path : parentOf(path));
  }
  const all = [...roots].sort((a, b) => a.length - b.length);
  const minimal: string[] = [];
  for (const root of all) if (!minimal.some((upper) => isInside(root, upper))) minimal.push(root);
  return minimal.sort();
}

/** Pairs of alternatives tried per pair of rules; bounds the check of sets with many braces. */
const PAIRS_MAX = 1024;
/** Names that stand for "any name" in an example; two, in case a rule speaks of the first. */
const EXAMPLES = ["any", "another-1"];

interface Sample {
  readonly head: string;
  readonly tail: string;
}

/** A component as literal start and end around whatever may stand between; undefined for what has no simple form. */
function sampleOf(step: GlobStep): Sample | undefined {
  if (step === "**" || step.kind === "any") return { head: "", tail: "" };
  switch (step.kind) {
    case "literal":
      return { head: step.bytes, tail: "" };
    case "prefix":
      return { head: step.bytes, tail: "" };
    case "suffix":
      return { head: "", tail: step.bytes };
    case "regex":
      return undefined;
  }
}

/** Names that may satisfy both components: the start of one with the end of the other. */
function* commonNames(a: GlobStep | undefined, b: GlobStep | undefined): Generator<string> {
  const samples = [a, b].map((step) => (step === undefined ? { head: "", tail: "" } : sampleOf(step)));
  const known = samples.filter((sample) => sample !== undefined);
  for (const first of known) {
    for (const second of known) {
      const { head } = first.head.length > second.head.length ? first : second;
      const { tail } = second.tail.length > first.tail.length ? second : first;
      if (head !== "") yield head + tail;
      for (const example of EXAMPLES) yield head + example + tail;
      if (head === "" && tail !== "") yield tail;
    }
  }
}

/** The last component of each alternative of a rule's glob, with concrete names for the components before it. */
function endings(rule: Rule): { before: string[]; last: GlobStep | undefined }[] {
  const { literal, glob } = splitRulePath(rule.path);
  if (glob === "") return [{ before: [...literal], last: undefined }];
  return compileGlob(glob).map((steps) => {
    const middle = steps.slice(0, -1).filter((step) => step !== "**");
    return { before: [...literal, ...middle.map((step) => commonNames(step, step).next().value ?? "any")], last: steps.at(-1) };
  });
}

type Ending = ReturnType<typeof endings>[number];

function* examplesOf({ before, last }: Ending, other: GlobStep | undefined): Generator<string> {
  if (before.length > 0) yield before.join("/");
  for (const name of commonNames(last, other)) yield [...before, name].join("/");
}

/** Example paths that both rules may match, most telling first. */
function* candidates(a: Rule, b: Rule): Generator<string> {
  let pairs = 0;
  const endingsOfB = endings(b);
  for (const x of endings(a)) {
    for (const y of endingsOfB) {
      if (++pairs > PAIRS_MAX) return;
      const [upper, lower] = x.before.length <= y.before.length ? [x, y] : [y, x];
      yield* examplesOf(lower, upper.last);
      yield* examplesOf(upper, lower.last);
    }
  }
}

/**
 * An absolute path that both rule lists include, or undefined. Exact for rules without glob; for globs it looks for an example
 * built from the literal parts of both, and reports no pair that has none: what it reports is a path that both really include.
 * Whether a path is a file or a directory is not known here; included as either by both counts.
 */
export function findOverlap(rulesA: readonly Rule[], rulesB: readonly Rule[]): string | undefined {
  const matcherA = new RepsetMatcher(rulesA, "/");
  const matcherB = new RepsetMatcher(rulesB, "/");
  const isCommon = (path: BytePath, isDirectory: boolean): boolean => matcherA.decide(path, isDirectory) && matcherB.decide(path, isDirectory);
  for (const a of rulesA) {
    if (a.mode !== "include") continue;
    for (const b of rulesB) {
      if (b.mode !== "include" || !isLoop(literalPath(a), literalPath(b))) continue;
      for (const text of candidates(a, b)) {
        const path = text as BytePath;
        if (isCommon(path, true) || isCommon(path, false)) return `/${textFromBytes(path) ?? path}`;
      }
    }
  }
  return undefined;
}

/** Throws REPSET_OVERLAP when a path would belong to both sets. */
export function requireNoOverlap(a: RepsetData, b: RepsetData): void {
  const path = findOverlap(a.rules, b.rules);
  if (path === undefined) return;
  const message = `${path} would belong to both replication sets ${JSON.stringify(a.name)} and ${JSON.stringify(b.name)}`;
  throw new SmError("REPSET_OVERLAP", message, { data: { path, sets: [a.name, b.name] } });
}

/** `bytes` of an absolute path, relative to an absolute root; undefined when it lies outside. */
export function relativeTo(path: string, root: string): BytePath | undefined {
  if (!isInside(path, root)) return undefined;
  return bytesFromText(path.slice(root === "/" ? 1 : root.length + 1)) as BytePath;
}
