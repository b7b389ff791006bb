// Changes of single fields in the text of sm.yaml: everything else of it, comments above all, stays.

import { isMap, isScalar, type Pair, type YAMLMap } from "yaml";
import { configInvalid } from "./field-error.js";
import { YamlSource } from "./yaml-source.js";

/** The text with the field set, or taken out (`value` undefined). Throws CONFIG_INVALID for a text that is no map of sections. */
export function changeField(file: string, text: string, [section, name]: readonly [string, string], value: unknown): string {
  const source = new YamlSource(file, text);
  const { document } = source;
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    if (value === undefined) return text;
    document.contents = document.createNode({}) as unknown as typeof document.contents;
  }
  const root = document.contents;
  if (source.errors.length === 0 && !isMap(root)) source.addValue([], "a map of sections", source.value());
  if (source.errors.length > 0 || !isMap(root)) throw configInvalid(source.errors);
  const found = root.get(section, true);
  if (value === undefined) {
    if (isMap(found)) removeField(found, name);
  } else if (isMap(found)) found.set(name, document.createNode(value));
  // A section whose fields are all commented out is null.
  else if (found === undefined || found === null || (isScalar(found) && found.value === null)) root.set(section, document.createNode({ [name]: value }));
  else throw configInvalid([{ file, ...source.placeOf([section]), path: section, expected: "a map of fields", got: "something else" }]);
  return document.toString({ lineWidth: 0, flowCollectionPadding: /[[{] /.test(text) });
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
  if (next !== undefined && isScalar(next.key))
    next.key.commentBefore = [comment, next.key.commentBefore].filter((part) => typeof part === "string").join("\n\n");
  else section.comment = [section.comment, comment].filter((part) => typeof part === "string").join("\n\n");
}

function keyText({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : "";
}
