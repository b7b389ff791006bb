// The tables of the completion of bash, made from the definitions; share/completion/sm.bash walks the line by them.

import { type CompletionPlace, sourceText } from "./completion-table.js";

export function bashTables(places: readonly CompletionPlace[]): string {
  return [
    ...caseFunction(
      "_sm_next",
      places.map(({ words, next }) => [words, next.map(({ word }) => word).join(" ")]),
    ),
    ...caseFunction(
      "_sm_flags",
      places.map(({ words, flags }) => [words, flags.map(({ flag }) => flag).join(" ")]),
    ),
    ...caseFunction("_sm_flag_value", flagValues(places)),
    ...caseFunction(
      "_sm_argument",
      places.flatMap(({ words, args }) => args.map((source, index): Row => [`${words} ${index}`, sourceText(source)])),
    ),
  ].join("\n");
}

type Row = readonly [key: string, text: string];

/** What each flag with a value takes: `COMMAND FLAG` → source. */
export function flagValues(places: readonly CompletionPlace[]): Row[] {
  return places.flatMap(({ words, flags }) => flags.flatMap(({ flag, source }): Row[] => (source === null ? [] : [[`${words} ${flag}`, sourceText(source)]])));
}

/** A function that answers with the text of a key in REPLY: nothing is started for it. False when there is none. Keys of one text share a line. */
function caseFunction(name: string, rows: readonly Row[]): string[] {
  const keysOf = new Map<string, string[]>();
  for (const [key, text] of rows) keysOf.set(text, [...(keysOf.get(text) ?? []), `'${key}'`]);
  return [
    `${name}() {`,
    '  case "$1" in',
    ...[...keysOf].map(([text, keys]) => `    ${keys.join(" | ")}) REPLY='${text}' ;;`),
    "    *) REPLY=''; return 1 ;;",
    "  esac",
    "}",
  ];
}
