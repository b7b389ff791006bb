// What may follow in a line of the shell: words of commands, commands of the agent, variables.

import { isKeyword } from "./keyword.js";
import type { VariableTable } from "./variables.js";
import { PRESENT_VERBS, STATEMENT_WORDS } from "./vocabulary.js";

export interface CompletionSources {
  readonly variables: VariableTable;
  /** Names of the agent's commands; empty where it does not answer. */
  readonly commandNames: readonly string[];
}

export interface Completion {
  /** Whole words that may stand in place of `fragment`. */
  readonly words: readonly string[];
  readonly fragment: string;
}

/** `line` = what stands before the cursor. */
export function completeLine(line: string, { variables, commandNames }: CompletionSources): Completion {
  const fragment = /\S*$/.exec(line)?.[0] ?? "";
  const before = commandPart(line.slice(0, line.length - fragment.length));
  const upper = fragment.toUpperCase();
  if (fragment.startsWith("$")) {
    const names = variables.list().map(({ name }) => `$${name}`);
    return { words: names.filter((name) => name.toUpperCase().startsWith(upper)), fragment };
  }
  if (takesCommandName(before)) return { words: commandNames.filter((name) => name.toUpperCase().startsWith(upper)), fragment };
  const words = new Set<string>(before.length === 0 ? STATEMENT_WORDS.filter((word) => !word.includes(" ")) : []);
  for (const verb of PRESENT_VERBS) {
    const next = verb.words[before.length];
    if (next !== undefined && before.every((word, index) => isKeyword(verb.words[index] ?? "", word))) words.add(next.toUpperCase());
  }
  if (before.length === 1 && isKeyword("HELP", before[0] ?? "")) for (const verb of PRESENT_VERBS) words.add((verb.words[0] ?? "").toUpperCase());
  return { words: [...words].filter((word) => word.startsWith(upper)).sort(), fragment };
}

/** The words of the command that the cursor is in: behind the last THEN, DO, ELSE, semicolon or `$name =`. */
function commandPart(text: string): string[] {
  const start = /^.*(?:;|\b(?:THEN|DO|ELSE)\b|\$\w+\s*=|\()/is.exec(text)?.[0].length ?? 0;
  return text
    .slice(start)
    .split(/\s+/)
    .filter((word) => word !== "");
}

function takesCommandName([first, second, third]: readonly string[]): boolean {
  if (first?.toUpperCase() === "CALL") return second === undefined;
  return first?.toUpperCase() === "HELP" && second?.toUpperCase() === "CALL" && third === undefined;
}
