// A rule list made fit to be saved: paths tidied, every rule checked, what cannot change any decision dropped and reported.

import { SmError } from "../base/errors.js";
import { splitRulePath } from "./repset-glob.js";
import { requireRulePath, tidyPath } from "./repset-name.js";
import type { Rule } from "./rule.js";

export interface DroppedRule {
  readonly rule: Rule;
  readonly reason: string;
}

export interface NormalisedRules {
  readonly rules: readonly Rule[];
  readonly dropped: readonly DroppedRule[];
}

interface PlacedRule {
  readonly rule: Rule;
  readonly literal: readonly string[];
  readonly hasGlob: boolean;
}

function isPrefix(upper: readonly string[], lower: readonly string[]): boolean {
  return upper.length <= lower.length && upper.every((name, i) => name === lower[i]);
}

/** Text form of one rule for messages and logs, in the manner of the HP guide: `/data inc, rec`. */
export function ruleText(rule: Rule): string {
  return `${rule.path} ${rule.mode === "include" ? "inc" : "exc"}, ${rule.recursive ? "rec" : "non-rec"}`;
}

/**
 * The recursive rule that makes `lower` redundant, or undefined (HP guide p. 4-2: the top-level recursive rule takes
 * precedence over lower rules of the same type, which are discarded; of different types both stay). A rule of the other type
 * on the way from the upper to the lower rule is what the lower one is an exception to: then it stays.
 */
function findCover(lower: PlacedRule, all: readonly PlacedRule[]): PlacedRule | undefined {
  return all.find((upper) => {
    if (upper === lower || upper.hasGlob || !upper.rule.recursive || upper.rule.mode !== lower.rule.mode) return false;
    if (!isPrefix(upper.literal, lower.literal)) return false;
    return !all.some((other) => other.rule.mode !== lower.rule.mode && isPrefix(upper.literal, other.literal) && isPrefix(other.literal, lower.literal));
  });
}

/** Throws REPSET_RULE_ILLEGAL for the first illegal rule, REPSET_EMPTY when nothing is included. */
export function normaliseRules(rules: readonly Rule[]): NormalisedRules {
  const dropped: DroppedRule[] = [];
  const seen = new Set<string>();
  const placed: PlacedRule[] = [];
  for (const given of rules) {
    const rule: Rule = { path: requireRulePath(tidyPath(given.path)), mode: given.mode, recursive: given.recursive };
    const key = `${rule.mode} ${rule.recursive} ${rule.path}`;
    const { literal, glob } = splitRulePath(rule.path);
    if (seen.has(key)) dropped.push({ rule, reason: "the same rule is there already" });
    else placed.push({ rule, literal, hasGlob: glob !== "" });
    seen.add(key);
  }
  const kept: Rule[] = [];
  for (const lower of placed) {
    const cover = findCover(lower, placed);
    if (cover === undefined) kept.push(lower.rule);
    else dropped.push({ rule: lower.rule, reason: `the recursive rule ${ruleText(cover.rule)} covers it` });
  }
  if (!kept.some((rule) => rule.mode === "include")) {
    throw new SmError("REPSET_EMPTY", "the replication set has no include rule, so nothing would be replicated");
  }
  return { rules: kept, dropped };
}
