// The tables of the completion of zsh: those of bash, with a description of each word (share/completion/sm.zsh).

import { flagValues } from "./bash-tables.js";
import { type CompletionPlace, sourceText } from "./completion-table.js";

export function zshTables(places: readonly CompletionPlace[]): string {
  return [
    ...caseFunction(
      "_sm_next",
      places.map(({ words, next }) => [words, next.map(({ word, description }) => described(word, description)).join(" ")]),
    ),
    ...caseFunction(
      "_sm_flags",
      places.map(({ words, flags }) => [words, flags.map(({ flag, description }) => described(flag, description)).join(" ")]),
    ),
    ...caseFunction(
      "_sm_flag_value",
      flagValues(places).map(([key, text]): Row => [key, quoted(text)]),
    ),
    ...caseFunction(
      "_sm_argument",
      places.flatMap(({ words, args }) => args.map((source, index): Row => [`${words} ${index}`, quoted(sourceText(source))])),
    ),
  ].join("\n");
}

type Row = readonly [key: string, words: string];

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** As _describe takes it: a colon divides the word from what is said of it. */
function described(word: string, description: string): string {
  return quoted(`${word}:${description.replaceAll("\\", "").replaceAll(":", "\\:")}`);
}

/** A function that answers with the words of a key in the array reply; false when there is none. */
function caseFunction(name: string, rows: readonly Row[]): string[] {
  return [
    `${name}() {`,
    "  reply=()",
    '  case "$1" in',
    ...rows.map(([key, words]) => `    '${key}') reply=(${words}) ;;`),
    "    *) return 1 ;;",
    "  esac",
    "}",
  ];
}
