// A YAML file as text with positions: every error about a value can name its line and column.

import { type Document, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { findTooDeep, YAML_DEPTH_MAX } from "../base/yaml-nesting.js";
import { type FieldError, showValue } from "./field-error.js";

/** Larger than any set of 10,000 rules with long paths; a file beyond it is not a configuration. */
export const YAML_BYTES_MAX = 64 * 1024 * 1024;
/** References to anchors resolved in one file: keeps a few lines from standing for millions. */
const ALIASES_MAX = 100;

export type YamlPath = readonly (string | number)[];

export class YamlSource {
  readonly file: string;
  readonly document: Document;
  readonly errors: FieldError[] = [];
  readonly #lines = new LineCounter();

  constructor(file: string, text: string) {
    this.file = file;
    const tooDeep = findTooDeep(text, this.#lines.addNewLine);
    this.document = parseDocument(tooDeep === null ? text : "", { prettyErrors: false, uniqueKeys: true, logLevel: "error" });
    if (tooDeep !== null) this.#addAt(tooDeep, "", `at most ${YAML_DEPTH_MAX} levels`, "one that is deeper");
    for (const { message, pos } of [...this.document.errors, ...this.document.warnings]) this.#addAt(pos[0], "", "well-formed YAML", message);
  }

  /** The content as plain values; an empty file is an empty map. Undefined when there were errors. */
  value(): unknown {
    if (this.errors.length > 0) return undefined;
    try {
      return this.document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {};
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      this.add([], `at most ${ALIASES_MAX} uses of anchors`, error.message);
      return undefined;
    }
  }

  add(path: YamlPath, expected: string, got: string): void {
    this.#addAt(this.#offsetOf(path), dotted(path), expected, got);
  }

  addValue(path: YamlPath, expected: string, value: unknown): void {
    this.add(path, expected, showValue(value));
  }

  /** Where the value at `path` starts, from 1. */
  placeOf(path: YamlPath): { readonly line: number; readonly column: number } {
    const { line, col } = this.#lines.linePos(this.#offsetOf(path));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #addAt(offset: number, path: string, expected: string, got: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.errors.push({ file: this.file, line: Math.max(1, line), column: Math.max(1, col), path, expected, got });
  }

  /** Where the value at `path` starts; its key, or the nearest thing that exists, when it has no place of its own. */
  #offsetOf(path: YamlPath): number {
    let node: unknown = this.document.contents;
    let offset = rangeStart(node) ?? 0;
    for (const key of path) {
      let next: unknown;
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
        offset = rangeStart(pair?.key) ?? offset;
        next = pair?.value;
      } else if (isSeq(node)) next = node.items[Number(key)];
      offset = rangeStart(next) ?? offset;
      node = isPair(next) ? next.value : next;
    }
    return offset;
  }
}

function rangeStart(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** A value written as YAML; undefined when it is none. */
export function parseText(text: string): unknown {
  const source = new YamlSource("", text);
  if (source.errors.length > 0) return undefined;
  return isScalar(source.document.contents) ? source.document.contents.value : source.value();
}

export function dotted(path: YamlPath): string {
  return path.reduce<string>((text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`), "");
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reports the keys of `value` that are not `known`, each with the nearest that is. */
export function rejectUnknownKeys(source: YamlSource, path: YamlPath, value: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const nearest = nearestOf(key, known);
    const hint = nearest === undefined ? `one of ${known.join(", ")}` : `a known field (did you mean ${dotted([...path, nearest])}?)`;
    source.add([...path, key], hint, "an unknown field");
  }
}

/** The known word closest to `word` by edits, or undefined when none is close. */
export function nearestOf(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.floor(best.candidate.length / 2)) ? best.candidate : undefined;
}

const WORD_LENGTH_MAX = 64;

function editDistance(a: string, b: string): number {
  const from = a.slice(0, WORD_LENGTH_MAX);
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (from[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
