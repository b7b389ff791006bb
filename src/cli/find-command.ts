// Which file holds the command that the arguments name. Loading that one alone halves the start of the program;
// oclif, which loads all of them, is for help and for words that name no command.

import { existsSync, readdirSync } from "node:fs";
import { join, parse, sep } from "node:path";

export interface FoundCommand {
  readonly file: string;
  /** As oclif names it. */
  readonly id: string;
  readonly args: readonly string[];
}

const DEPTH_MAX = 3;

/** The longest row of leading words that is a command; undefined when oclif is to decide. */
export function findCommandFile(commandsDirectory: string, argv: readonly string[]): FoundCommand | undefined {
  if (argv.includes("--help")) return undefined;
  const firstOther = argv.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  const words = argv.slice(0, Math.min(DEPTH_MAX, firstOther < 0 ? argv.length : firstOther));
  for (; words.length > 0; words.pop()) {
    const file = `${join(commandsDirectory, ...words)}.js`;
    if (existsSync(file)) return { file, id: words.join(":"), args: argv.slice(words.length) };
  }
  return undefined;
}

/** Every command as a user types it, read from the files that hold them. */
export function commandWords(commandsDirectory: string): string[] {
  return readdirSync(commandsDirectory, { recursive: true, encoding: "utf8" }).flatMap((file) => {
    if (!file.endsWith(".js")) return [];
    const { dir, name } = parse(file);
    return [join(dir, name).split(sep).join(" ")];
  });
}
