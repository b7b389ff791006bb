// One command of the language: its words, its form, and what it makes of its arguments.

import type { ArgumentReader } from "./argument-reader.js";
import type { Syntax } from "./keyword.js";
import type { ScriptSession } from "./session.js";
import { integerValue, type Value } from "./value.js";

export interface Outcome {
  /** Integers: positive = done; a failure is thrown, and becomes a negative one. */
  readonly value: Value;
  /** Lines for people. */
  readonly lines?: readonly string[];
  /** For people beside the lines: what is not as a reader of old scripts might think. */
  readonly note?: string;
  /** What the agent answered, for readers of JSON. */
  readonly answer?: unknown;
}

/** Carries out one command with the session as it is then. */
export type Action = (session: ScriptSession) => Promise<Outcome>;

export interface Verb extends Syntax {
  readonly summary: string;
  /** Everything that can be checked without an agent is checked here. */
  parse(reader: ArgumentReader): Action;
}

export const OUTCOME_DONE: Outcome = { value: integerValue(1) };

export function done(lines: readonly string[], answer?: unknown): Outcome {
  return { ...OUTCOME_DONE, lines, ...(answer === undefined ? {} : { answer }) };
}
