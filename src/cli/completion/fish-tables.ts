// The tables of the completion of fish: one `complete` for each word, flag and argument, bound to the place where it may stand
// (share/completion/sm.fish).

import { flagValues } from "./bash-tables.js";
import type { CompletionPlace, Source } from "./completion-table.js";

export function fishTables(places: readonly CompletionPlace[]): string {
  return [
    ...memberFunction(
      "__sm_knows",
      places.map(({ words }) => words),
    ),
    ...memberFunction(
      "__sm_takes",
      flagValues(places).map(([key]) => key),
    ),
    ...places.flatMap((place) => [...nextLines(place), ...argumentLines(place), ...flagLines(place)]),
  ].join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function nextLines({ words, next }: CompletionPlace): string[] {
  return next.map(({ word, description }) => `complete -c sm -n ${quoted(`__sm_at ${quoted(words)} 0`)} -a ${word} -d ${quoted(description)}`);
}

function argumentLines({ words, args }: CompletionPlace): string[] {
  return args.flatMap((source, index) => {
    const candidates = candidatesOf(source);
    return candidates === "" ? [] : [`complete -c sm -n ${quoted(`__sm_at ${quoted(words)} ${index}`)}${candidates}`];
  });
}

function flagLines({ words, flags }: CompletionPlace): string[] {
  return flags.map(({ flag, description, source }) => {
    const takes = source === null ? "" : ` -x${candidatesOf(source).replace(" -F", "")}`;
    const files = source?.kind === "files" ? ` -r -F` : takes;
    return `complete -c sm -n ${quoted(`__sm_in ${quoted(words)}`)} -l ${flag.slice(2)}${files} -d ${quoted(description)}`;
  });
}

function candidatesOf(source: Source): string {
  switch (source.kind) {
    case "words":
      return ` -a ${quoted(source.words.join(" "))}`;
    case "values":
      return ` -a ${quoted(`(__sm_values ${source.values})`)}`;
    case "files":
      return " -F";
    case "directories":
      return ` -a ${quoted("(__fish_complete_directories)")}`;
    default:
      return "";
  }
}

/** A function that says whether its argument is one of these. */
function memberFunction(name: string, members: readonly string[]): string[] {
  return [`function ${name}`, `    contains -- "$argv[1]" ${members.map(quoted).join(" ")}`, "end"];
}
