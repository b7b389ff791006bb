// One replication set as a YAML file: text → checked rules with the place of every error; rules → text that keeps the
// comments of what stays.

import { isMap, isScalar, isSeq, type YAMLMap, type YAMLSeq } from "yaml";
import { checkRulePath, tidyPath } from "../model/repset-name.js";
import { type Rule, rulesSchema } from "../model/rule.js";
import { type FieldError, showValue } from "./field-error.js";
import { isRecord, rejectUnknownKeys, YamlSource } from "./yaml-source.js";

export interface RepsetFile {
  readonly generation: number;
  readonly rules: readonly Rule[];
}

const RULES_MAX = 10_000;
const HEADER = " Replication set. Edit by hand, or with `sm repset rule add|remove`; then `sm config reload`.\n";

/** Errors instead of a value when anything is wrong; rules are checked, not yet normalised. */
export function parseRepsetFile(file: string, text: string): { readonly repset: RepsetFile } | { readonly errors: readonly FieldError[] } {
  const source = new YamlSource(file, text);
  const root = source.value();
  if (source.errors.length > 0) return { errors: source.errors };
  if (!isRecord(root)) {
    source.addValue([], "a map with the field rules", root);
    return { errors: source.errors };
  }
  rejectUnknownKeys(source, [], root, ["generation", "rules"]);
  // A file written by hand need not know of generations.
  const generation = root.generation ?? 0;
  if (typeof generation !== "number" || !Number.isSafeInteger(generation) || generation < 0)
    source.addValue(["generation"], "a whole number from 0", generation);
  const rules = parseRules(source, root.rules);
  return source.errors.length > 0 ? { errors: source.errors } : { repset: { generation: Number(generation), rules } };
}

function parseRules(source: YamlSource, value: unknown): Rule[] {
  if (!Array.isArray(value) || value.length > RULES_MAX) {
    source.addValue(["rules"], `a list of at most ${RULES_MAX} rules`, value);
    return [];
  }
  const rules = value.map((item: unknown, index) => parseRule(source, index, item)).filter((rule) => rule !== undefined);
  if (source.errors.length === 0 && !rules.some((rule) => rule.mode === "include")) source.add(["rules"], "at least one rule with mode: include", "none");
  return rules;
}

function parseRule(source: YamlSource, index: number, value: unknown): Rule | undefined {
  const at = ["rules", index];
  if (!isRecord(value)) {
    source.addValue(at, "a map with path, mode and perhaps recursive", value);
    return undefined;
  }
  rejectUnknownKeys(source, at, value, ["path", "mode", "recursive"]);
  const { path, mode, recursive = true } = value;
  if (mode !== "include" && mode !== "exclude") source.addValue([...at, "mode"], "include or exclude", mode);
  if (typeof recursive !== "boolean") source.addValue([...at, "recursive"], "true or false", recursive);
  if (typeof path !== "string") source.addValue([...at, "path"], "an absolute path", path);
  else {
    const reason = checkRulePath(tidyPath(path));
    if (reason !== undefined)
      source.add([...at, "path"], "an absolute path, perhaps with a glob after a literal directory", `${showValue(path)}, which ${reason}`);
  }
  const isComplete = typeof path === "string" && (mode === "include" || mode === "exclude") && typeof recursive === "boolean";
  return isComplete ? { path, mode, recursive } : undefined;
}

/** Text of a file that holds `repset`: `previous` (well-formed) with its comments, as far as their rules stay; or a new one. */
export function formatRepsetFile(repset: RepsetFile, previous: string | undefined): string {
  rulesSchema.parse(repset.rules);
  const source = new YamlSource("", previous ?? "");
  const { document } = source;
  if (previous === undefined || source.errors.length > 0 || !isMap(document.contents)) {
    const fresh = new YamlSource("", "{}").document;
    fresh.commentBefore = HEADER.trimEnd();
    fresh.contents = fresh.createNode({ generation: repset.generation, rules: repset.rules }) as unknown as typeof fresh.contents;
    return fresh.toString({ lineWidth: 0 });
  }
  document.set("generation", repset.generation);
  const list = document.get("rules", true);
  if (!isSeq(list)) document.set("rules", document.createNode(repset.rules));
  else replaceItems(list, repset.rules, (rule) => document.createNode(rule));
  return document.toString({ lineWidth: 0 });
}

/** Puts the nodes of rules that were there already where they now belong, with their comments, and new nodes between. */
function replaceItems(list: YAMLSeq, rules: readonly Rule[], create: (rule: Rule) => unknown): void {
  const old = new Map<string, unknown[]>();
  for (const item of list.items) {
    const key = isMap(item) ? keyOfNode(item) : undefined;
    if (key !== undefined) old.set(key, [...(old.get(key) ?? []), item]);
  }
  const first = list.items[0];
  list.items = rules.map((rule) => old.get(keyOfRule(rule))?.shift() ?? create(rule));
  if (list.items[0] !== first && isMap(first)) giveOwnComment(list, first);
  // A list written in one line as [] would force all later rules into that line.
  if (list.items.length > 0 && list.flow === true) list.flow = false;
}

/** The parser keeps the comment above the first item with the list; when another item comes first, it has to go along. */
function giveOwnComment(list: YAMLSeq, first: YAMLMap): void {
  if (typeof list.commentBefore !== "string") return;
  // What stands above a blank line speaks of the whole list.
  const blank = list.commentBefore.lastIndexOf("\n\n");
  first.commentBefore = list.commentBefore.slice(blank < 0 ? 0 : blank + 2);
  list.commentBefore = blank < 0 ? null : list.commentBefore.slice(0, blank);
}

const keyOfRule = ({ path, mode, recursive }: Rule): string => `${mode} ${recursive} ${path}`;

function keyOfNode(node: YAMLMap): string | undefined {
  const read = (name: string): unknown => {
    const value: unknown = node.get(name, true);
    return isScalar(value) ? value.value : undefined;
  };
  const path = read("path");
  return typeof path === "string" ? `${String(read("mode"))} ${String(read("recursive") ?? true)} ${tidyPath(path)}` : undefined;
}
