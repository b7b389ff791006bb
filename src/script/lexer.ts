// Characters to tokens. What a character means depends on where it stands: the parser asks for the next token of an expression
// (numbers, operators) or of a command (words: paths, names, addresses). Nothing is cut before it is asked for.

import { incomplete, syntaxFault } from "./fault.js";
import { type JsonNode, readJson } from "./json-node.js";
import type { Place } from "./place.js";
import { type CursorMark, TextCursor } from "./text-cursor.js";
import { dateFrom, timeFrom, type Value } from "./value.js";

export type Token =
  | { readonly kind: "word"; readonly text: string; readonly at: Place }
  | { readonly kind: "text"; readonly text: string; readonly at: Place }
  | { readonly kind: "variable"; readonly name: string; readonly at: Place }
  | { readonly kind: "value"; readonly value: Value; readonly at: Place }
  | { readonly kind: "symbol"; readonly text: string; readonly at: Place }
  | { readonly kind: "json"; readonly node: JsonNode; readonly at: Place }
  /** The end of a line, or a semicolon. */
  | { readonly kind: "separator"; readonly at: Place }
  | { readonly kind: "end"; readonly at: Place };

export type LexerMode = "command" | "expression";

export const SCRIPT_CHARACTERS_MAX = 1024 * 1024;

const BLANKS = /[ \t]+/y;
const COMMENT = /#[^\n]*/y;
const VARIABLE = /\$[A-Za-z_][A-Za-z0-9_]*/y;
const TEXT = /"[^"\n]*(?:""[^"\n]*)*"/y;
/** What is not in here must be in quotes. */
const COMMAND_WORD = /[^\s"=,;(){}<>\x00-\x1f\x7f]+/y;
const DATE_OR_TIME = /\d{1,2}(?:\/\d{1,2}\/\d{2,4}|:\d\d(?::\d\d)?)(?![\w/:])/y;
const NUMBER = /\d+/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const OPERATOR = /==|!=|<>|<=|>=|[-+*/<>=(),]/y;

export class Lexer {
  readonly #cursor: TextCursor;

  /** SCRIPT_SYNTAX when the text is no script at all. */
  constructor(text: string) {
    if (text.length > SCRIPT_CHARACTERS_MAX) {
      throw syntaxFault(`the script is longer than ${SCRIPT_CHARACTERS_MAX} characters: divide it into several`, { line: 1, column: 1 });
    }
    this.#cursor = new TextCursor(text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n"));
  }

  get place(): Place {
    return this.#cursor.place;
  }

  peek(mode: LexerMode): Token {
    const mark: CursorMark = this.#cursor.mark();
    try {
      return this.next(mode);
    } finally {
      this.#cursor.reset(mark);
    }
  }

  next(mode: LexerMode): Token {
    this.#take(BLANKS);
    this.#take(COMMENT);
    const at = this.#cursor.place;
    const { current } = this.#cursor;
    if (current === "") return { kind: "end", at };
    if (current === "\n" || current === ";") {
      this.#cursor.take(1);
      return { kind: "separator", at };
    }
    if (current === '"') return { kind: "text", text: this.#text(at), at };
    if (current === "$") return { kind: "variable", name: this.#variable(at), at };
    return mode === "command" ? this.#commandToken(at) : this.#expressionToken(at);
  }

  #take(pattern: RegExp): string | undefined {
    const found = this.#cursor.look(pattern);
    if (found !== undefined) this.#cursor.take(found.length);
    return found;
  }

  /** A quotation mark within is written twice; a backslash is a backslash. */
  #text(at: Place): string {
    const text = this.#take(TEXT);
    if (text === undefined) throw syntaxFault('this text does not end in its line: close it with a quotation mark (")', at);
    return text.slice(1, -1).replaceAll('""', '"');
  }

  #variable(at: Place): string {
    const name = this.#take(VARIABLE);
    if (name === undefined) throw syntaxFault("a variable is $ and a name of letters, digits and _, such as $con; other text with $ goes into quotes", at);
    return name.slice(1);
  }

  #commandToken(at: Place): Token {
    if (this.#cursor.current === "{") return { kind: "json", node: readJson(this.#cursor), at };
    const text = this.#take(COMMAND_WORD);
    if (text !== undefined) return { kind: "word", text, at };
    return { kind: "symbol", text: this.#symbol(at), at };
  }

  #expressionToken(at: Place): Token {
    const moment = this.#take(DATE_OR_TIME);
    if (moment !== undefined) return { kind: "value", value: momentValue(moment, at), at };
    const digits = this.#take(NUMBER);
    if (digits !== undefined) {
      const integer = Number(digits);
      if (!Number.isSafeInteger(integer)) throw syntaxFault(`${digits} is beyond 9007199254740991: that is the largest integer`, at);
      if (/[\w.$"]/.test(this.#cursor.current))
        throw syntaxFault(`${digits}${this.#cursor.current} is no number: put a blank between them, or text into quotes`, at);
      return { kind: "value", value: { type: "integer", integer }, at };
    }
    const name = this.#take(NAME);
    if (name !== undefined) return { kind: "word", text: name, at };
    const operator = this.#take(OPERATOR);
    if (operator !== undefined) return { kind: "symbol", text: operator, at };
    return { kind: "symbol", text: this.#symbol(at), at };
  }

  #symbol(at: Place): string {
    const character = this.#cursor.take(1);
    if (/[\x00-\x1f\x7f]/.test(character)) {
      throw syntaxFault(`a control character (${character.charCodeAt(0)}) stands here: take it out`, at);
    }
    return character;
  }
}

function momentValue(text: string, at: Place): Value {
  const value = dateFrom(text) ?? timeFrom(text);
  if (value === undefined) throw syntaxFault(`${text} is no real date or time: write 12/31/2026, or 22:00`, at);
  return value;
}

/** For messages: what stands there. */
export function tokenText(token: Token): string {
  switch (token.kind) {
    case "word":
    case "symbol":
      return JSON.stringify(token.text.slice(0, 100));
    case "text":
      return `the text ${JSON.stringify(token.text.slice(0, 100))}`;
    case "variable":
      return `$${token.name.slice(0, 100)}`;
    case "value":
      return `a ${token.value.type}`;
    case "json":
      return "JSON";
    case "separator":
      return "the end of the line";
    case "end":
      return "the end of the script";
  }
}

/** Where more is missing: at the end of the text further lines may bring it. */
export function missing(what: string, found: Token): Error {
  return found.kind === "end"
    ? incomplete(`here must be ${what}, but the script ends`, found.at)
    : syntaxFault(`here must be ${what}, but there is ${tokenText(found)}`, found.at);
}
