// JSON as it stands in a script: as everywhere, but that a value may also be a variable.

import { incomplete, syntaxFault } from "./fault.js";
import type { Place } from "./place.js";
import type { TextCursor } from "./text-cursor.js";
import { plainValue } from "./value.js";
import type { VariableTable } from "./variables.js";

export type JsonNode =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "list"; readonly items: readonly JsonNode[] }
  | { readonly kind: "object"; readonly fields: readonly (readonly [string, JsonNode])[] };

const DEPTH_MAX = 64;
const SPACE = /[ \t\r\n]+/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const TEXT = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y;
const WORD = /(?:true|false|null)\b/y;
const VARIABLE = /\$[A-Za-z_][A-Za-z0-9_]*/y;

/** Reads the object that begins here. */
export function readJson(cursor: TextCursor): JsonNode {
  return readValue(cursor, cursor.place, 0);
}

function readValue(cursor: TextCursor, start: Place, depth: number): JsonNode {
  if (depth > DEPTH_MAX) throw syntaxFault(`this JSON is nested deeper than ${DEPTH_MAX} levels`, cursor.place);
  skipSpace(cursor);
  if (cursor.current === "{") return readObject(cursor, start, depth);
  if (cursor.current === "[") {
    const items = readList(cursor, start, "]", () => readValue(cursor, start, depth + 1));
    return { kind: "list", items };
  }
  const variable = cursor.look(VARIABLE);
  if (variable !== undefined) return { kind: "variable", name: cursor.take(variable.length).slice(1) };
  return { kind: "literal", value: readLiteral(cursor, start) };
}

function readLiteral(cursor: TextCursor, start: Place): string | number | boolean | null {
  const literal = cursor.look(TEXT) ?? cursor.look(WORD) ?? cursor.look(NUMBER);
  if (literal === undefined) throw expected(cursor, start, 'a value: "text", a number, true, false, null, $variable, [list] or {object}');
  const at = cursor.place;
  cursor.take(literal.length);
  const value = JSON.parse(literal) as string | number | boolean | null;
  if (typeof value === "number" && !Number.isFinite(value)) throw syntaxFault(`${literal} is beyond all numbers`, at);
  return value;
}

function readObject(cursor: TextCursor, start: Place, depth: number): JsonNode {
  const names = new Set<string>();
  const fields = readList(cursor, start, "}", (): readonly [string, JsonNode] => {
    const at = cursor.place;
    const text = cursor.look(TEXT);
    if (text === undefined) throw expected(cursor, start, 'the name of a field, in quotes, such as "id"');
    const name = JSON.parse(cursor.take(text.length)) as string;
    if (names.has(name)) throw syntaxFault(`the field ${JSON.stringify(name)} is given twice`, at);
    names.add(name);
    skipSpace(cursor);
    if (cursor.current !== ":") throw expected(cursor, start, `a colon behind ${JSON.stringify(name)}`);
    cursor.take(1);
    return [name, readValue(cursor, start, depth + 1)];
  });
  return { kind: "object", fields };
}

function readList<Item>(cursor: TextCursor, start: Place, close: "]" | "}", readItem: () => Item): Item[] {
  const items: Item[] = [];
  cursor.take(1);
  skipSpace(cursor);
  if (cursor.current === close) {
    cursor.take(1);
    return items;
  }
  for (;;) {
    items.push(readItem());
    skipSpace(cursor);
    const character = cursor.current;
    if (character !== "," && character !== close) throw expected(cursor, start, `a comma or ${close}`);
    cursor.take(1);
    if (character === close) return items;
    skipSpace(cursor);
  }
}

function skipSpace(cursor: TextCursor): void {
  cursor.take(cursor.look(SPACE)?.length ?? 0);
}

function expected(cursor: TextCursor, start: Place, what: string): Error {
  if (cursor.isAtEnd) return incomplete(`the JSON that begins in line ${start.line} does not end: there must be ${what}`, start);
  return syntaxFault(`here must be ${what}`, cursor.place);
}

/** What it is with the variables as they are now: integers become numbers, all else text. */
export function jsonValue(node: JsonNode, variables: VariableTable): unknown {
  switch (node.kind) {
    case "literal":
      return node.value;
    case "variable":
      return plainValue(variables.get(node.name));
    case "list":
      return node.items.map((item) => jsonValue(item, variables));
    case "object":
      return Object.fromEntries(node.fields.map(([name, value]) => [name, jsonValue(value, variables)]));
  }
}
