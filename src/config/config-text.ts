// Changes of single fields in the text of sm.yaml: everything else of it, comments above all, stays.

import { isDeepStrictEqual } from "node:util";
import { type Document, isMap, isNode, isScalar, type Pair, stringify, type YAMLMap } from "yaml";
import { configInvalid } from "./field-error.js";
import { isRecord, YamlSource } from "./yaml-source.js";

type Key = readonly [section: string, name: string];

/** The text with the field set, or taken out (`value` undefined). Throws CONFIG_INVALID for a text that is no map of sections. */
export function changeField(file: string, text: string, key: Key, value: unknown): string {
  const source = new YamlSource(file, text);
  const before = source.value();
  if (source.errors.length > 0) throw configInvalid(source.errors);
  const changed = rewrite(source, text, key, value);
  const after = new YamlSource(file, changed);
  const content = after.value();
  if (after.errors.length === 0 && isDeepStrictEqual(withField(content, key, null), withField(before, key, null))) return changed;
  const expected = "a file that a program can change without changing more than that field: edit it by hand, then `sm config reload`";
  throw configInvalid([{ file, line: 1, column: 1, path: key.join("."), expected, got: "one in an unusual form" }]);
}

/** For comparisons: the content with the field as given, and sections that have nothing else as if they were not there. */
function withField(content: unknown, [section, name]: Key, value: unknown): unknown {
  if (!isRecord(content)) return content;
  const given = content[section];
  const { [section]: _, ...others } = content;
  const fields = isRecord(given) ? given : {};
  return { ...others, [section]: { ...fields, [name]: value } };
}

function rewrite(source: YamlSource, text: string, [section, name]: Key, value: unknown): string {
  const { document, file } = source;
  if (!/^\s*[^\s#]/m.test(text)) {
    const added = value === undefined ? "" : stringify({ [section]: { [name]: value } }, { lineWidth: 0 });
    return text === "" || text.endsWith("\n") || added === "" ? `${text}${added}` : `${text}\n${added}`;
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    if (value === undefined) return text;
    document.contents = document.createNode({}) as unknown as typeof document.contents;
  }
  const root = document.contents;
  if (!isMap(root)) throw configInvalid([{ file, line: 1, column: 1, path: "", expected: "a map of sections", got: "something else" }]);
  const found = root.get(section, true);
  if (value === undefined) {
    if (!isMap(found) || !found.has(name)) return text;
    removeField(found, name);
  } else if (isMap(found)) setField(document, found, name, value);
  // A section whose fields are all commented out is null.
  else if (found === undefined || found === null || (isScalar(found) && found.value === null)) root.set(section, sectionOf(document, found, { [name]: value }));
  else throw configInvalid([{ file, ...source.placeOf([section]), path: section, expected: "a map of fields", got: "something else" }]);
  return document.toString({ lineWidth: 0, flowCollectionPadding: /[[{] /.test(text) });
}

/** What is written behind the value stays. */
function setField(document: Document, section: YAMLMap, name: string, value: unknown): void {
  const before = section.get(name, true);
  const node = document.createNode(value);
  if (isNode(before) && typeof before.comment === "string") node.comment = before.comment;
  section.set(name, node);
}

function sectionOf(document: Document, before: unknown, fields: Readonly<Record<string, unknown>>): unknown {
  const node = document.createNode(fields);
  if (isNode(before)) node.commentBefore = [before.commentBefore, before.comment].filter((part) => typeof part === "string").join("\n") || null;
  return node;
}

/** What was written above the field speaks of the field, set or not: it stays. */
function removeField(section: YAMLMap, name: string): void {
  const index = section.items.findIndex((item) => keyText(item) === name);
  const pair = section.items[index];
  if (pair === undefined) return;
  section.items.splice(index, 1);
  const comment = isScalar(pair.key) ? pair.key.commentBefore : null;
  if (typeof comment !== "string") return;
  const next = section.items[index];
  const join = (parts: readonly unknown[]): string => parts.filter((part) => typeof part === "string").join("\n\n");
  if (next !== undefined && isScalar(next.key)) next.key.commentBefore = join([comment, next.key.commentBefore]);
  else section.comment = join([section.comment, comment]);
}

function keyText({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : "";
}
