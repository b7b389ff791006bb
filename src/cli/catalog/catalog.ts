// All commands of the program as data, read from their definitions: what completions, man pages and the reference are made from.

import { Config } from "@oclif/core/config";
import { readProgramPackage } from "../program-package.js";
import { commonFlagNames } from "../sm-command.js";
import { TOPICS } from "../topics.js";

export interface CatalogArg {
  readonly name: string;
  readonly description: string;
  readonly isRequired: boolean;
  /** All words that are left. */
  readonly isMultiple: boolean;
  readonly options: readonly string[];
}

export interface CatalogFlag {
  readonly name: string;
  readonly description: string;
  /** What it takes, as the help calls it; null = nothing. */
  readonly value: string | null;
  readonly options: readonly string[];
  readonly default: string | null;
  readonly isMultiple: boolean;
  readonly isRequired: boolean;
  /** There is a --no-NAME, too. */
  readonly hasNo: boolean;
  /** Most commands have it. */
  readonly isCommon: boolean;
}

export interface CatalogCommand {
  /** As a person types it, without the program. */
  readonly words: string;
  readonly description: string;
  readonly examples: readonly string[];
  readonly args: readonly CatalogArg[];
  /** Its own first, by name. */
  readonly flags: readonly CatalogFlag[];
}

export interface Catalog {
  readonly version: string;
  /** Without hidden ones, by name. */
  readonly commands: readonly CatalogCommand[];
  /** Groups of commands, as a person types them, with a line on each. */
  readonly topics: ReadonlyMap<string, string>;
}

/** `root`: of the program. */
export async function loadCatalog(root: string): Promise<Catalog> {
  const config = await Config.load({ root, pjson: readProgramPackage(root) });
  const commands = config.commands
    .filter(({ hidden }) => hidden !== true)
    .map((command) => ({
      words: command.id.replaceAll(":", " "),
      description: command.description ?? "",
      examples: (command.examples ?? []).map(String),
      args: Object.values(command.args).map(({ name, description = "", required = false, multiple = false, options = [] }) => ({
        ...{ name, description, isRequired: required, isMultiple: multiple, options: [...options] },
      })),
      flags: Object.values(command.flags)
        .filter(({ hidden }) => hidden !== true)
        .map(flagOf)
        .sort((a, b) => Number(a.isCommon) - Number(b.isCommon) || (a.name < b.name ? -1 : 1)),
    }))
    .sort((a, b) => (a.words < b.words ? -1 : 1));
  return { version: config.version, commands, topics: new Map(Object.entries(TOPICS).map(([id, { description }]) => [id.replaceAll(":", " "), description])) };
}

type LoadedFlag = Config["commands"][number]["flags"][string];

function flagOf(flag: LoadedFlag): CatalogFlag {
  const { name, description = "", required = false } = flag;
  const isCommon = commonFlagNames.includes(name);
  const common = { name, description, isRequired: required, isCommon };
  if (flag.type === "boolean") return { ...common, value: null, options: [], default: null, isMultiple: false, hasNo: flag.allowNo === true };
  const options = [...(flag.options ?? [])];
  const value = options.length > 0 ? options.join("|") : (flag.helpValue ?? "VALUE");
  const isMultiple = flag.multiple === true;
  const standard = typeof flag.default === "string" || typeof flag.default === "number" ? String(flag.default) : null;
  return { ...common, value: Array.isArray(value) ? value.join(" ") : value, options, default: standard, isMultiple, hasNo: false };
}

/** "sm connect SET TARGET [OPTIONS]" */
export function usageOf({ words, args, flags }: CatalogCommand): string {
  const required = flags.filter(({ isRequired }) => isRequired).map(({ name, value }) => `--${name} ${value ?? ""}`.trimEnd());
  return [`sm ${words}`, ...args.map(argText), ...required, "[OPTIONS]"].join(" ");
}

/** "SET", "[PATH]", "[COMMAND...]" */
function argText({ name, isRequired, isMultiple }: CatalogArg): string {
  const text = `${name.toUpperCase()}${isMultiple ? "..." : ""}`;
  return isRequired ? text : `[${text}]`;
}

/** "--compression off|lz4|brotli", "--[no-]size" */
export function flagText({ name, value, hasNo }: CatalogFlag): string {
  return `--${hasNo ? "[no-]" : ""}${name}${value === null ? "" : ` ${value}`}`;
}

/** The description with what else is to be known. */
export function flagNotes({ description, default: standard, isMultiple, isRequired }: CatalogFlag): string {
  const notes = [
    ...(isRequired ? ["required"] : []),
    ...(isMultiple && !/again for more/.test(description) ? ["may be given again"] : []),
    ...(standard === null ? [] : [`default: ${standard}`]),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join("; ")})`;
}

/** What comes before the first full stop. */
export function firstSentence(text: string): string {
  return text.replace(/[.:;] .*$/s, "").replace(/\.$/, "");
}

/** What every command ends with. */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, "done"],
  [1, "a defect of the program"],
  [2, "usage: a word, a value or a name that is wrong; nothing was done"],
  [3, "no agent answers"],
  [4, "halted: a person must act first; or it failed"],
  [5, "done, with problems or differences left"],
  [6, "still running: the time given was over"],
  [7, "refused: this account, or this peer, may not"],
];
