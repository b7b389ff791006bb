// Reads the arguments of one command from left to right. What a variable gives is known when the command is carried out: an
// operand is a function of the session then. Form errors are SCRIPT_SYNTAX, values that do not convert SCRIPT_VALUE.

import { SmError } from "../base/errors.js";
import { readRate } from "../model/quantity-text.js";
import { RATE_MIN } from "../model/transmission.js";
import { type Argument, argumentText } from "./argument.js";
import { faultAt, syntaxFault, withPlace } from "./fault.js";
import { type JsonNode, jsonValue } from "./json-node.js";
import { isKeyword, type Syntax, syntaxLine } from "./keyword.js";
import type { Place } from "./place.js";
import type { ScriptSession } from "./session.js";
import { type Value, valueText } from "./value.js";

export type Operand<T> = (session: ScriptSession) => T;

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

const UNITS: readonly (readonly [words: readonly string[], ms: number])[] = [
  [["SECOND", "SECONDS", "SECS", "SEC", "S"], 1000],
  [["MINUTE", "MINUTES", "MINS", "MIN", "M"], 60_000],
  [["HOUR", "HOURS", "H"], 3_600_000],
  [["DAY", "DAYS", "D"], 86_400_000],
];
const UNIT_WORDS: ReadonlyMap<string, number> = new Map(UNITS.flatMap(([words, ms]) => words.map((word) => [word, ms] as const)));
const DURATION_MAX = 366 * 86_400;

export class ArgumentReader {
  readonly #syntax: Syntax;
  readonly #rest: Argument[];
  readonly #endAt: Place;

  /** `endAt` = behind the last argument. */
  constructor(syntax: Syntax, args: readonly Argument[], endAt: Place) {
    this.#syntax = syntax;
    this.#rest = [...args];
    this.#endAt = endAt;
  }

  get isDone(): boolean {
    return this.#rest.length === 0;
  }

  get place(): Place {
    return this.#rest[0]?.at ?? this.#endAt;
  }

  isAt(keyword: string): boolean {
    const next = this.#rest[0];
    return next?.kind === "word" && isKeyword(keyword, next.text);
  }

  /** Whether the keyword stands here, which is then taken. */
  has(keyword: string): boolean {
    if (!this.isAt(keyword)) return false;
    this.#rest.shift();
    return true;
  }

  /** The one of the keywords that stands here; undefined = none of them, and nothing is taken. */
  oneOf<const Keyword extends string>(keywords: readonly Keyword[]): Keyword | undefined {
    return keywords.find((keyword) => this.has(keyword));
  }

  need<const Keyword extends string>(...keywords: readonly Keyword[]): Keyword {
    return this.oneOf(keywords) ?? this.fail(`here must be ${keywords.join(" or ").toUpperCase()}`);
  }

  hasSymbol(symbol: "=" | ","): boolean {
    const next = this.#rest[0];
    if (next?.kind !== "symbol" || next.text !== symbol) return false;
    this.#rest.shift();
    return true;
  }

  needSymbol(symbol: "=" | ","): void {
    if (!this.hasSymbol(symbol)) this.fail(`here must be ${symbol === "=" ? "an equals sign (=)" : "a comma (,)"}`);
  }

  end(): void {
    const next = this.#rest[0];
    if (next !== undefined) this.fail(`${argumentText(next)} is too much`);
  }

  /** A form error: what is wrong, and the form of the command. */
  fail(what: string): never {
    const next = this.#rest[0];
    const found = next === undefined ? ", but the command ends" : `, but there is ${argumentText(next)}`;
    throw syntaxFault(`${what}${what.startsWith("here must be") ? found : ""}. The form is: ${syntaxLine(this.#syntax)}`, this.place);
  }

  text(what: string): Operand<string> {
    return this.#operand(what, (value) => valueText(value));
  }

  /** Only what stands there literally: a name that decides about the rest of the command. */
  literal(what: string): string {
    const next = this.#rest.shift();
    if (next?.kind === "word" || next?.kind === "text") return next.text;
    if (next !== undefined) this.#rest.unshift(next);
    return this.fail(`here must be ${what}`);
  }

  integer(what: string, { min, max }: Bounds): Operand<number> {
    return this.#operand(what, (value) => {
      const integer = integerFrom(value);
      if (integer !== undefined && integer >= min && integer <= max) return integer;
      throw new SmError("SCRIPT_VALUE", `${what} is ${JSON.stringify(valueText(value).slice(0, 100))}, but must be an integer from ${min} to ${max}`);
    });
  }

  /** Bytes per second: `19300`, `10MiB`, `100mbit`. */
  rate(what: string): Operand<number> {
    return this.#operand(what, (value) => {
      const rate = readRate(valueText(value));
      if (rate !== undefined && rate >= RATE_MIN) return rate;
      throw new SmError(
        "SCRIPT_VALUE",
        `${what} is ${JSON.stringify(valueText(value).slice(0, 100))}, but must be a rate of ${RATE_MIN} or more, such as 10MiB or 100mbit`,
      );
    });
  }

  connection(): Operand<number> {
    return this.integer("the number of a connection", { min: 1, max: Number.MAX_SAFE_INTEGER });
  }

  /** A connection, or `*`: undefined. */
  connectionOrAll(): Operand<number> | undefined {
    const next = this.#rest[0];
    if (next?.kind !== "word" || next.text !== "*") return this.connection();
    this.#rest.shift();
    return undefined;
  }

  /** `<n> [seconds|minutes|hours|days]`, in ms. */
  duration(what: string): Operand<number> {
    const count = this.integer(what, { min: 0, max: DURATION_MAX });
    const next = this.#rest[0];
    const unitMs = next?.kind === "word" ? UNIT_WORDS.get(next.text.toUpperCase()) : undefined;
    if (unitMs !== undefined) this.#rest.shift();
    return (session) => Math.min(count(session) * (unitMs ?? 1000), DURATION_MAX * 1000);
  }

  /** Optional `TIMEOUT [=] <n> [units]`; null = without limit. */
  timeout(): Operand<number | null> {
    if (!this.has("TIMEOUT")) return () => null;
    this.hasSymbol("=");
    if (this.has("FOREVER")) return () => null;
    return this.duration("TIMEOUT");
  }

  json(): JsonNode | undefined {
    const next = this.#rest[0];
    if (next?.kind !== "json") return undefined;
    this.#rest.shift();
    return next.node;
  }

  /** For a field of JSON: digits and true, false, null are what they say, unless they stand in quotes. */
  plain(what: string): Operand<unknown> {
    const next = this.#rest[0];
    if (next?.kind === "json") {
      const { node } = next;
      this.#rest.shift();
      return ({ variables }) => jsonValue(node, variables);
    }
    if (next?.kind === "word") {
      const words: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };
      const value = Object.hasOwn(words, next.text) ? words[next.text] : /^-?\d{1,15}(?:\.\d{1,9})?$/.test(next.text) ? Number(next.text) : next.text;
      this.#rest.shift();
      return () => value;
    }
    return this.#operand(what, (value) => (value.type === "integer" ? value.integer : valueText(value)));
  }

  /** `convert` throws without a place; what stands here literally is tried at once. */
  #operand<T>(what: string, convert: (value: Value) => T): Operand<T> {
    const next = this.#rest[0];
    if (next === undefined || next.kind === "symbol" || next.kind === "json") return this.fail(`here must be ${what}`);
    this.#rest.shift();
    const placed = (value: Value): T => {
      try {
        return convert(value);
      } catch (error) {
        throw error instanceof SmError ? withPlace(error, next.at) : error;
      }
    };
    if (next.kind === "variable") return ({ variables }) => placed(variableAt(variables, next.name, next.at));
    const fitted = placed({ type: "string", text: next.text });
    return () => fitted;
  }
}

function integerFrom(value: Value): number | undefined {
  if (value.type === "integer") return value.integer;
  return value.type === "string" && /^-?\d{1,15}$/.test(value.text) ? Number(value.text) : undefined;
}

function variableAt(variables: ScriptSession["variables"], name: string, at: Place): Value {
  try {
    return variables.get(name);
  } catch (error) {
    throw error instanceof SmError ? faultAt(error.code, error.message, at) : error;
  }
}
