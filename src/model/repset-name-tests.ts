// Finds, for one name, the most specific of many compiled globs without trying them one by one: suffixes and prefixes are
// looked up by their outermost characters, and the regular expressions are tried only after one that unites them.

import type { GlobStep, NameTest } from "./repset-glob.js";
import { nameCharacters, testName } from "./repset-glob.js";

export interface RankedTest<R> {
  readonly step: GlobStep;
  readonly compiled: R;
}

interface Affix<R> {
  readonly bytes: string;
  readonly rank: number;
  readonly compiled: R;
}

/** Tests in order of rank: the first that matches decides. */
export class NameTests<R> {
  readonly #literals = new Map<string, Affix<R>>();
  readonly #suffixes = new Map<number, Affix<R>[]>();
  readonly #prefixes = new Map<number, Affix<R>[]>();
  readonly #regexes: { readonly test: NameTest; readonly rank: number; readonly compiled: R }[] = [];
  readonly #union: RegExp | null;
  readonly #always: { readonly rank: number; readonly compiled: R } | null = null;

  constructor(tests: readonly RankedTest<R>[]) {
    const regexSources: string[] = [];
    for (const [rank, { step, compiled }] of tests.entries()) {
      if (step === "**" || step.kind === "any") {
        // Nothing of a lower rank can decide any more.
        this.#always = { rank, compiled };
        break;
      }
      switch (step.kind) {
        case "literal":
          if (!this.#literals.has(step.bytes)) this.#literals.set(step.bytes, { bytes: step.bytes, rank, compiled });
          break;
        case "suffix":
          addAffix(this.#suffixes, step.bytes.charCodeAt(step.bytes.length - 1), { bytes: step.bytes, rank, compiled });
          break;
        case "prefix":
          addAffix(this.#prefixes, step.bytes.charCodeAt(0), { bytes: step.bytes, rank, compiled });
          break;
        case "regex":
          this.#regexes.push({ test: step, rank, compiled });
          regexSources.push(`(?:${step.regex.source})`);
      }
    }
    this.#union = regexSources.length > 1 ? new RegExp(regexSources.join("|"), "us") : null;
  }

  find(name: string): R | null {
    let best: { readonly rank: number; readonly compiled: R } | null = this.#always;
    const literal = this.#literals.size > 0 ? this.#literals.get(name) : undefined;
    if (literal !== undefined) best = literal;
    const suffixes = this.#suffixes.get(name.charCodeAt(name.length - 1));
    if (suffixes !== undefined) {
      for (const affix of suffixes) {
        if (best !== null && affix.rank > best.rank) break;
        if (name.endsWith(affix.bytes)) best = affix;
      }
    }
    const prefixes = this.#prefixes.size > 0 ? this.#prefixes.get(name.charCodeAt(0)) : undefined;
    if (prefixes !== undefined) {
      for (const affix of prefixes) {
        if (best !== null && affix.rank > best.rank) break;
        if (name.startsWith(affix.bytes)) best = affix;
      }
    }
    if (this.#regexes.length > 0) best = this.#findRegex(name, best) ?? best;
    return best === null ? null : best.compiled;
  }

  #findRegex(name: string, best: { readonly rank: number } | null): { readonly rank: number; readonly compiled: R } | null {
    const first = this.#regexes[0];
    if (first === undefined || (best !== null && first.rank > best.rank)) return null;
    if (this.#union !== null && !this.#union.test(/[\x80-\xff]/.test(name) ? nameCharacters(name) : name)) return null;
    for (const entry of this.#regexes) {
      if (best !== null && entry.rank > best.rank) return null;
      if (testName(entry.test, name)) return entry;
    }
    return null;
  }
}

function addAffix<R>(map: Map<number, Affix<R>[]>, code: number, affix: Affix<R>): void {
  const list = map.get(code);
  if (list === undefined) map.set(code, [affix]);
  else list.push(affix);
}

/** Tells names apart by which of the tests they pass. */
export class NameIndex {
  readonly #literals = new Map<string, string>();
  readonly #suffixes = new Map<number, Affix<null>[]>();
  readonly #prefixes = new Map<number, Affix<null>[]>();
  readonly #regexes: { readonly test: NameTest; readonly rank: number }[] = [];
  readonly #union: RegExp | null;

  constructor(tests: readonly NameTest[]) {
    const sources: string[] = [];
    for (const [rank, test] of tests.entries()) {
      if (test.kind === "literal") this.#literals.set(test.bytes, `${this.#literals.get(test.bytes) ?? ""}${rank},`);
      else if (test.kind === "suffix") addAffix(this.#suffixes, test.bytes.charCodeAt(test.bytes.length - 1), { bytes: test.bytes, rank, compiled: null });
      else if (test.kind === "prefix") addAffix(this.#prefixes, test.bytes.charCodeAt(0), { bytes: test.bytes, rank, compiled: null });
      else if (test.kind === "regex") {
        this.#regexes.push({ test, rank });
        sources.push(`(?:${test.regex.source})`);
      }
    }
    this.#union = sources.length > 0 ? new RegExp(sources.join("|"), "us") : null;
  }

  /** Equal for two names exactly when they pass the same tests; "" = none. */
  signature(name: string): string {
    let passed = this.#literals.size > 0 ? (this.#literals.get(name) ?? "") : "";
    const suffixes = this.#suffixes.get(name.charCodeAt(name.length - 1));
    if (suffixes !== undefined) for (const { bytes, rank } of suffixes) if (name.endsWith(bytes)) passed += `${rank},`;
    const prefixes = this.#prefixes.get(name.charCodeAt(0));
    if (prefixes !== undefined) for (const { bytes, rank } of prefixes) if (name.startsWith(bytes)) passed += `${rank},`;
    if (this.#union?.test(/[\x80-\xff]/.test(name) ? nameCharacters(name) : name)) {
      for (const { test, rank } of this.#regexes) if (testName(test, name)) passed += `${rank},`;
    }
    return passed;
  }
}
