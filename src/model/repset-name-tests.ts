// Finds, for one name, the most specific of many compiled globs without trying them one by one: suffixes and prefixes are
// looked up by their outermost characters, and the regular expressions are tried only after one that unites them.

import type { GlobStep, NameTest } from "./repset-glob.js";
import { nameCharacters, testName } from "./repset-glob.js";

/** Keys of sets kept; the set of open globs changes with the depth of a directory, seldom with its name. */
const SETS_MAX = 1024;

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

/** Shares sets between directories with the same open globs; bounded. */
export class NameTestCache<R> {
  readonly #sets = new Map<string, NameTests<R> | null>();

  get(key: string, build: () => readonly RankedTest<R>[]): NameTests<R> | null {
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const tests = build();
    const set = tests.length === 0 ? null : new NameTests(tests);
    if (this.#sets.size >= SETS_MAX) this.#sets.clear();
    this.#sets.set(key, set);
    return set;
  }
}
