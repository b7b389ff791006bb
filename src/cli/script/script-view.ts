// What a script prints: results on standard output, errors and notes beside it; or one line of JSON for each statement.

import type { SmError } from "../../base/errors.js";
import type { StatementReport } from "../../script/evaluator.js";
import { type Place, placeText } from "../../script/place.js";
import { returnCodeOf } from "../../script/return-code.js";
import { plainValue } from "../../script/value.js";
import { jsonText, oneLine, printable } from "../format/printable.js";

export interface ScriptView {
  show(report: StatementReport): void;
  /** What is wrong with the script as a whole. */
  refuse(error: SmError, at: Place): void;
  note(text: string): void;
}

export interface TextViewOptions {
  readonly out: NodeJS.WritableStream;
  readonly beside: NodeJS.WritableStream;
  /** What places are of: the name of a file; "" = what was typed. */
  readonly origin: string;
}

const INDENT = "  ";

export class TextScriptView implements ScriptView {
  readonly #options: TextViewOptions;
  readonly #notes = new Set<string>();

  constructor(options: TextViewOptions) {
    this.#options = options;
  }

  show({ at, outcome, written, error }: StatementReport): void {
    if (error !== null) {
      this.refuse(error, at);
      return;
    }
    if (written !== null) this.#options.out.write(`${printable(written)}\n`);
    for (const line of outcome.lines ?? []) this.#options.out.write(`${INDENT}${oneLine(line)}\n`);
    if (outcome.note !== undefined && !this.#notes.has(outcome.note)) {
      this.#notes.add(outcome.note);
      this.note(outcome.note);
    }
  }

  refuse(error: SmError, at: Place): void {
    const { origin, beside } = this.#options;
    const where = origin === "" ? placeText(at) : `${origin}, ${placeText(at)}`;
    beside.write(`${printable(`${where}: error ${returnCodeOf(error)} ${error.code}: ${error.message}`)}\nhint: ${error.hint}\n`);
  }

  note(text: string): void {
    this.#options.beside.write(`${printable(`note: ${text}`)}\n`);
  }
}

/** One line for each statement, with its value; nothing else is printed. */
export class JsonScriptView implements ScriptView {
  readonly #out: NodeJS.WritableStream;

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
  }

  show({ name, at, value, outcome, written, error }: StatementReport): void {
    this.#print({
      ...at,
      command: name,
      value: plainValue(value),
      lines: written === null ? (outcome.lines ?? []) : [written],
      ...(outcome.note === undefined ? {} : { note: outcome.note }),
      ...(outcome.answer === undefined ? {} : { answer: outcome.answer }),
      ...(error === null ? {} : { error: errorBody(error) }),
    });
  }

  refuse(error: SmError, at: Place): void {
    this.#print({ ...at, command: "", value: returnCodeOf(error), lines: [], error: errorBody(error) });
  }

  note(text: string): void {
    this.#print({ note: text });
  }

  #print(line: object): void {
    this.#out.write(`${jsonText(line)}\n`);
  }
}

function errorBody({ code, message, hint, data }: SmError): object {
  return { code, message, hint, data };
}
