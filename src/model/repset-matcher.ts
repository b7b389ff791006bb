// Decides whether a path belongs to a replication set. Compiled once per root, then asked for every path seen.
//
// Specificity (docs/adr/0002-rule-specificity.md). A rule *takes hold* of a path at the highest place where it matches:
// a rule without glob at its own path, a glob at the first component below its literal prefix that completes a match.
// A recursive rule holds everything below that place; a non-recursive one holds that place only, and, without glob, also
// the non-directories directly in it. Of the rules that hold a path decides, in this order:
//   1. the longer literal prefix   2. the lower place of taking hold (so a rule that names the path goes before one that
//   reaches it by recursion, and a literal rule loses against a glob below it)   3. more literal characters in the
//   glob   4. exclude before include. No rule: not in the set.
// A recursive rule whose glob is one component matches at any depth below its prefix (/data/*.tmp = /data/**/*.tmp);
// any other glob matches exactly the components it has.
//
// Speed: all that can be known of a directory is worked out once (DirectoryView); a path then costs a few look-ups of its name.

import { SmError } from "../base/errors.js";
import { type BytePath, bytesFromText, parentPath } from "./byte-path.js";
import { compileGlob, type GlobStep, literalCharacters, splitRulePath } from "./repset-glob.js";
import { type CompiledRule, compareRules, type GlobState, GlobStates, type OpenGlob, openGlob } from "./repset-glob-state.js";
import { requireRulePath } from "./repset-name.js";
import type { Rule } from "./rule.js";

interface Hold {
  readonly compiled: CompiledRule;
  readonly depth: number;
}

/** A component of a literal prefix and what is written at it. */
interface PrefixNode {
  readonly children: Map<string, PrefixNode>;
  readonly globs: OpenGlob[];
  /** The rule for the path itself, for the non-directories in it, for all below it; exclude wins. */
  itself: CompiledRule | null;
  entries: CompiledRule | null;
  subtree: CompiledRule | null;
  isIncludeBelow: boolean;
}

interface DirectoryView {
  readonly depth: number;
  readonly node: PrefixNode | undefined;
  /** The best of the recursive rules that hold this directory, and so all below it. */
  readonly held: Hold | null;
  /** The globs that no held rule outranks. */
  readonly state: GlobState;
}

export interface Explanation {
  /** The rule that decides; null = no rule holds the path. */
  readonly rule: Rule | null;
  readonly included: boolean;
}

/** Directory views kept: two generations of this many. */
const VIEWS_MAX = 16_384;

function better(a: Hold | null, b: Hold): Hold {
  if (a === null) return b;
  const order = b.compiled.prefixLength - a.compiled.prefixLength || b.depth - a.depth || compareRules(a.compiled, b.compiled);
  return order > 0 ? b : a;
}

const stronger = (a: CompiledRule | null, b: CompiledRule): CompiledRule => (a === null || compareRules(a, b) > 0 ? b : a);

const newNode = (): PrefixNode => ({ children: new Map(), globs: [], itself: null, entries: null, subtree: null, isIncludeBelow: false });

export class RepsetMatcher {
  readonly #root = newNode();
  readonly #rootView: DirectoryView;
  readonly #states = new GlobStates();
  #young = new Map<string, DirectoryView>();
  #old = new Map<string, DirectoryView>();
  #lastParent = "";
  #lastView: DirectoryView;
  /** The rules that decide for "", the root itself. */
  readonly #rootRule: { entry: CompiledRule | null; file: CompiledRule | null };

  /** `root`: absolute literal path as text; paths asked for are relative to it. Throws REPSET_RULE_ILLEGAL. */
  constructor(rules: readonly Rule[], root: string) {
    if (!root.startsWith("/")) throw new SmError("REPSET_RULE_ILLEGAL", `root ${root} is not absolute`, { data: { root } });
    rules.forEach((rule, index) => {
      this.#addRule(rule, index);
    });
    let view: DirectoryView = this.#view(null, "", this.#root);
    let rule: CompiledRule | null = this.#root.itself;
    let fileRule: CompiledRule | null = rule;
    for (const name of bytesFromText(root)
      .split("/")
      .filter((component) => component !== "")) {
      rule = this.#ruleIn(view, name, true);
      fileRule = this.#ruleIn(view, name, false);
      view = this.#view(view, name, view.node?.children.get(name));
    }
    this.#rootRule = { entry: rule, file: fileRule };
    this.#rootView = view;
    this.#lastView = view;
  }

  /** True when the path is in the set. */
  decide(path: BytePath, isDirectory: boolean): boolean {
    const rule = this.#ruleFor(path, isDirectory);
    return rule !== null && !rule.isExclude;
  }

  explain(path: BytePath, isDirectory: boolean): Explanation {
    const compiled = this.#ruleFor(path, isDirectory);
    return { rule: compiled?.rule ?? null, included: compiled !== null && !compiled.isExclude };
  }

  /**
   * False: nothing below the directory can be in the set, so it need not be walked. True also for a directory that is not
   * in the set itself but leads to what is: it has to exist on the target.
   */
  mayContain(directory: BytePath): boolean {
    const { node, held, state } = this.#viewOf(directory);
    if (held !== null && !held.compiled.isExclude) return true;
    if (node !== undefined && (node.isIncludeBelow || (node.entries !== null && !node.entries.isExclude))) return true;
    return state.hasInclude;
  }

  /** True: every entry of the directory is in the set, whatever its name. */
  takesAll(directory: BytePath): boolean {
    const { node, held, state } = this.#viewOf(directory);
    const isNameAsked = state.names !== null || (node !== undefined && (node.children.size > 0 || node.entries !== null));
    return !isNameAsked && held !== null && !held.compiled.isExclude;
  }

  #addRule(rule: Rule, index: number): void {
    const { literal, glob } = splitRulePath(requireRulePath(rule.path));
    const isExclude = rule.mode === "exclude";
    const compiled: CompiledRule = { rule, index, isExclude, prefixLength: literal.length, characters: literalCharacters(glob) };
    let node = this.#root;
    for (const name of literal) {
      if (!isExclude) node.isIncludeBelow = true;
      let child = node.children.get(name);
      if (child === undefined) {
        child = newNode();
        node.children.set(name, child);
      }
      node = child;
    }
    if (glob === "") {
      node.itself = stronger(node.itself, compiled);
      if (rule.recursive) node.subtree = stronger(node.subtree, compiled);
      else node.entries = stronger(node.entries, compiled);
      return;
    }
    compileGlob(glob).forEach((alternative, number) => {
      const steps: readonly GlobStep[] = alternative.length === 1 && rule.recursive ? ["**", ...alternative] : alternative;
      node.globs.push(openGlob(compiled, steps, `${index}.${number}`));
    });
  }

  #ruleFor(path: BytePath, isDirectory: boolean): CompiledRule | null {
    const slash = path.lastIndexOf("/");
    if (slash < 0) {
      if (path === "") return isDirectory ? this.#rootRule.entry : this.#rootRule.file;
      return this.#ruleIn(this.#rootView, path, isDirectory);
    }
    if (slash !== this.#lastParent.length || !path.startsWith(this.#lastParent)) {
      this.#lastView = this.#viewOf(parentPath(path));
      this.#lastParent = path.slice(0, slash);
    }
    return this.#ruleIn(this.#lastView, path.slice(slash + 1), isDirectory);
  }

  #ruleIn(view: DirectoryView, name: string, isDirectory: boolean): CompiledRule | null {
    const { node, held } = view;
    if (node !== undefined) {
      const literal = node.children.get(name)?.itself;
      if (literal) return literal;
    }
    const names = view.state.names;
    const glob = names === null ? null : names.find(name);
    const entries = node === undefined || isDirectory ? null : node.entries;
    // A glob in view outranks what is held; of the rules for the directory itself it outranks only those with its prefix.
    if (glob !== null && (entries === null || glob.prefixLength >= entries.prefixLength)) return glob;
    if (entries === null) return held === null ? null : held.compiled;
    return better(held, { compiled: entries, depth: view.depth }).compiled;
  }

  #viewOf(directory: string): DirectoryView {
    if (directory === "") return this.#rootView;
    const known = this.#young.get(directory);
    if (known !== undefined) return known;
    const slash = directory.lastIndexOf("/");
    const name = directory.slice(slash + 1);
    let view = this.#old.get(directory);
    if (view === undefined) {
      const parent = this.#viewOf(slash < 0 ? "" : directory.slice(0, slash));
      const isSettled = parent.node === undefined && parent.state.globs.length === 0;
      // Nothing more can change below a settled directory: its view serves the whole subtree.
      view = isSettled ? parent : this.#view(parent, name, parent.node?.children.get(name));
    }
    if (this.#young.size >= VIEWS_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(directory, view);
    return view;
  }

  #view(parent: DirectoryView | null, name: string, node: PrefixNode | undefined): DirectoryView {
    if (parent === null) return { depth: 0, node, held: subtreeHold(null, node, 0), state: this.#states.of(node?.globs ?? []) };
    const depth = parent.depth + 1;
    const { taken, state } = this.#states.descend(parent.state, name);
    let { held } = parent;
    for (const compiled of taken) held = better(held, { compiled, depth });
    held = subtreeHold(held, node, depth);
    if (held === parent.held && (node === undefined || node.globs.length === 0)) return { depth, node, held, state };
    const prefixMin = held === null ? 0 : held.compiled.prefixLength;
    const globs = [...state.globs, ...(node?.globs ?? [])].filter((glob) => glob.compiled.prefixLength >= prefixMin);
    return { depth, node, held, state: this.#states.of(globs) };
  }
}

function subtreeHold(held: Hold | null, node: PrefixNode | undefined, depth: number): Hold | null {
  return node?.subtree ? better(held, { compiled: node.subtree, depth }) : held;
}
