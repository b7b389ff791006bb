// What can follow what on a command line, for every shell: made from the definitions of the commands.

import type { Catalog, CatalogArg, CatalogCommand, CatalogFlag } from "../catalog/catalog.js";
import { firstSentence } from "../catalog/catalog.js";
import type { ValueKind } from "./value-kinds.js";

/** What an argument, or the value of a flag, is completed by. */
export type Source =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "values"; readonly values: ValueKind }
  | { readonly kind: "files" }
  | { readonly kind: "directories" }
  | { readonly kind: "nothing" };

export interface NextWord {
  readonly word: string;
  readonly description: string;
}

export interface CompletionFlag {
  /** With its hyphens. */
  readonly flag: string;
  readonly description: string;
  /** Null = it takes no value. */
  readonly source: Source | null;
}

/** A place on the command line: a group of commands, a command, or both. "" is the program itself. */
export interface CompletionPlace {
  readonly words: string;
  readonly next: readonly NextWord[];
  readonly flags: readonly CompletionFlag[];
  readonly args: readonly Source[];
}

export function completionTable(catalog: Catalog): CompletionPlace[] {
  const places = new Set([""]);
  for (const { words } of catalog.commands) {
    const parts = words.split(" ");
    for (const [index] of parts.entries()) places.add(parts.slice(0, index + 1).join(" "));
  }
  return [...places].sort().map((words) => {
    const command = catalog.commands.find((candidate) => candidate.words === words);
    return {
      words,
      next: nextWords(catalog, words),
      flags: command === undefined ? helpFlag() : [...command.flags.flatMap((flag) => flagsOf(words, flag)), ...helpFlag()],
      args: command?.args.map((arg) => (words === "man" ? pagesOf(catalog) : sourceOfArg(words, arg))) ?? [],
    };
  });
}

function helpFlag(): CompletionFlag[] {
  return [{ flag: "--help", description: "show the help", source: null }];
}

function nextWords({ commands, topics }: Catalog, words: string): NextWord[] {
  const prefix = words === "" ? "" : `${words} `;
  const next = new Map<string, string>();
  for (const command of commands) {
    if (!command.words.startsWith(prefix) || command.words === words) continue;
    const [word = ""] = command.words.slice(prefix.length).split(" ");
    next.set(word, topics.get(`${prefix}${word}`) ?? descriptionOf(commands, `${prefix}${word}`));
  }
  return [...next].map(([word, description]) => ({ word, description })).sort((a, b) => (a.word < b.word ? -1 : 1));
}

function descriptionOf(commands: readonly CatalogCommand[], words: string): string {
  return firstSentence(commands.find((command) => command.words === words)?.description ?? "");
}

function flagsOf(words: string, flag: CatalogFlag): CompletionFlag[] {
  const { name, description, value, hasNo } = flag;
  const source = value === null ? null : sourceOfFlag(words, flag);
  return [{ flag: `--${name}`, description, source }, ...(hasNo ? [{ flag: `--no-${name}`, description: `not: ${description}`, source: null }] : [])];
}

const NOTHING: Source = { kind: "nothing" };
const values = (kind: ValueKind): Source => ({ kind: "values", values: kind });

/** Those whose name does not say it: a new name, a number of another agent, a peer. */
const ARGS: Readonly<Record<string, Source>> = {
  "repset create set": NOTHING,
  "repset rename new": NOTHING,
  "repset copy new": NOTHING,
  "target pause conn": NOTHING,
  "target resume conn": NOTHING,
  "target forget conn": NOTHING,
  "connect target": values("peers"),
  "peer remove name": values("peers"),
  "server default name": values("servers"),
  "server remove name": values("servers"),
  "server show name": values("servers"),
  "tdu report of": values("connections"),
  "replicate source": { kind: "directories" },
  "replicate target": { kind: "directories" },
};
const ARG_NAMES: Readonly<Record<string, Source>> = {
  set: values("sets"),
  conn: values("connections"),
  job: values("jobs"),
  peer: values("peers"),
  path: { kind: "files" },
  file: { kind: "files" },
};

function sourceOfArg(words: string, { name, options }: CatalogArg): Source {
  if (options.length > 0) return { kind: "words", words: options };
  return ARGS[`${words} ${name}`] ?? ARG_NAMES[name] ?? NOTHING;
}

const FLAGS: Readonly<Record<string, Source>> = {
  "restore start from": values("peers"),
  "restore start to": values("peers"),
  "target pause source": values("peers"),
  "target resume source": values("peers"),
  "target forget source": values("peers"),
  "connect map": NOTHING,
};
const FLAG_NAMES: Readonly<Record<string, Source>> = {
  connection: values("connections"),
  server: values("servers"),
  include: { kind: "files" },
  exclude: { kind: "files" },
  path: { kind: "files" },
  output: { kind: "files" },
  home: { kind: "directories" },
};

/** As `sm man` takes them, each in one word. */
function pagesOf({ commands }: Catalog): Source {
  return { kind: "words", words: ["sm", ...commands.map(({ words }) => words.replaceAll(" ", "-")), "sm.yaml"] };
}

function sourceOfFlag(words: string, { name, options, value }: CatalogFlag): Source {
  if (options.length > 0) return { kind: "words", words: options };
  const known = FLAGS[`${words} ${name}`] ?? FLAG_NAMES[name];
  return known ?? (value === "DIR" && name.endsWith("-dir") ? { kind: "directories" } : NOTHING);
}

/** As the scripts write it: "=off lz4", "@sets", "files", "directories", "nothing". */
export function sourceText(source: Source): string {
  if (source.kind === "words") return `=${source.words.join(" ")}`;
  return source.kind === "values" ? `@${source.values}` : source.kind;
}
