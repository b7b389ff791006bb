// How the globs of a rule list stand in one directory: which components of each may match next. Equal states are one object,
// and the state of a subdirectory depends only on which of the state's tests its name passes; both are remembered, so that
// going down a directory costs a few look-ups of its name (a finite automaton that is built as it is used).

import { type GlobStep, type NameTest, testName } from "./repset-glob.js";
import { NameIndex, NameTests } from "./repset-name-tests.js";
import type { Rule } from "./rule.js";

export interface CompiledRule {
  readonly rule: Rule;
  readonly index: number;
  readonly isExclude: boolean;
  /** Components of the literal prefix. */
  readonly prefixLength: number;
  /** Literal characters of the glob; 0 without glob. */
  readonly characters: number;
}

/** A glob on its way down: `positions` = the steps that the next component may be matched by. */
export interface OpenGlob {
  readonly compiled: CompiledRule;
  readonly steps: readonly GlobStep[];
  readonly positions: readonly number[];
  /** Names the alternative; together with the positions it says all that the glob will do. */
  readonly id: string;
}

/** What going down one directory does to a state. */
export interface Descent {
  /** Recursive rules that take hold of the directory. */
  readonly taken: readonly CompiledRule[];
  /** The globs that may still match below it. */
  readonly state: GlobState;
}

/** States and descents remembered; when there are more, all are forgotten and built again as needed. */
const REMEMBERED_MAX = 16_384;

/** Negative when `a` goes before `b`, of two rules that take hold at one depth. */
export function compareRules(a: CompiledRule, b: CompiledRule): number {
  return b.prefixLength - a.prefixLength || b.characters - a.characters || Number(b.isExclude) - Number(a.isExclude) || a.index - b.index;
}

/** A glob at its literal prefix. */
export function openGlob(compiled: CompiledRule, steps: readonly GlobStep[], id: string): OpenGlob {
  return { compiled, steps, positions: reach(steps, [0]), id };
}

/** Follows "**" steps that may stand for nothing. */
function reach(steps: readonly GlobStep[], positions: Iterable<number>): number[] {
  const all = new Set(positions);
  for (const position of all) if (steps[position] === "**") all.add(position + 1);
  return [...all].sort((a, b) => a - b);
}

function advance(glob: OpenGlob, name: string): { next: number[]; isMatch: boolean } {
  const next = new Set<number>();
  for (const position of glob.positions) {
    const step = glob.steps[position];
    if (step === "**") next.add(position);
    else if (step !== undefined && testName(step, name)) next.add(position + 1);
  }
  const reached = reach(glob.steps, next);
  return { next: reached, isMatch: reached.includes(glob.steps.length) };
}

/** What one more component may be, and the rule that then takes hold. */
function namesOf(glob: OpenGlob): { step: GlobStep; compiled: CompiledRule }[] {
  const { steps, compiled } = glob;
  const isLast = (position: number): boolean => reach(steps, [steps[position] === "**" ? position : position + 1]).includes(steps.length);
  return glob.positions.flatMap((position) => {
    const step = steps[position];
    return step !== undefined && isLast(position) ? [{ step, compiled }] : [];
  });
}

function stepsOf(globs: readonly OpenGlob[]): NameTest[] {
  const tests = globs.flatMap((glob) => glob.positions.map((position) => glob.steps[position]));
  return [...new Set(tests.filter((step): step is NameTest => step !== undefined && step !== "**" && step.kind !== "any"))];
}

export class GlobState {
  readonly globs: readonly OpenGlob[];
  /** The rule that takes hold of a name in this directory; null = no glob can. */
  readonly names: NameTests<CompiledRule> | null;
  readonly hasInclude: boolean;
  readonly index: NameIndex;
  readonly descents = new Map<string, Descent>();

  constructor(globs: readonly OpenGlob[]) {
    this.globs = globs;
    const tests = globs.flatMap(namesOf).sort((a, b) => compareRules(a.compiled, b.compiled));
    this.names = tests.length === 0 ? null : new NameTests(tests);
    this.hasInclude = globs.some((glob) => !glob.compiled.isExclude);
    this.index = new NameIndex(stepsOf(globs));
  }
}

/** The states of one rule list. */
export class GlobStates {
  readonly #states = new Map<string, GlobState>();
  readonly #empty = new GlobState([]);
  #remembered = 0;

  of(globs: readonly OpenGlob[]): GlobState {
    if (globs.length === 0) return this.#empty;
    const key = globs.map((glob) => `${glob.id}:${glob.positions.join(",")}`).join(" ");
    let state = this.#states.get(key);
    if (state === undefined) {
      state = new GlobState(globs);
      this.#remember();
      this.#states.set(key, state);
    }
    return state;
  }

  /** From a directory in `state` to its subdirectory `name`. */
  descend(state: GlobState, name: string): Descent {
    if (state.globs.length === 0) return { taken: [], state };
    const signature = state.index.signature(name);
    let descent = state.descents.get(signature);
    if (descent === undefined) {
      descent = this.#descend(state, name);
      this.#remember();
      state.descents.set(signature, descent);
    }
    return descent;
  }

  #descend(state: GlobState, name: string): Descent {
    const taken = new Set<CompiledRule>();
    const moved: OpenGlob[] = [];
    for (const glob of state.globs) {
      const { next, isMatch } = advance(glob, name);
      if (isMatch && glob.compiled.rule.recursive) taken.add(glob.compiled);
      if (next.some((position) => position < glob.steps.length)) moved.push({ ...glob, positions: next });
    }
    return { taken: [...taken], state: this.of(moved.filter((glob) => !taken.has(glob.compiled))) };
  }

  #remember(): void {
    this.#remembered += 1;
    if (this.#remembered <= REMEMBERED_MAX) return;
    for (const state of this.#states.values()) state.descents.clear();
    this.#states.clear();
    this.#remembered = 0;
  }
}
