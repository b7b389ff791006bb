// Man pages in the macros of man(7), made from the definitions of the commands: sm(1), one for each command, and sm.yaml(5).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Catalog, type CatalogCommand, type CatalogFlag, EXIT_CODES, firstSentence, flagNotes, flagText, loadCatalog, usageOf } from "./catalog.js";

export interface ManPage {
  /** "sm-connect.1" */
  readonly file: string;
  readonly text: string;
}

const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ["SM_HOME", "directory of an agent that has all its own below it: etc, state, run, log"],
  ["NO_COLOR", "when it is not empty: no colours, as --no-color"],
  ["XDG_STATE_HOME", "where the history of `sm shell` and the state of `sm replicate` are kept (default: ~/.local/state)"],
];

const FILES: readonly (readonly [name: string, meaning: string])[] = [
  ["/etc/sm/sm.yaml", "configuration: see sm.yaml(5)"],
  ["/etc/sm/repsets.d", "replication sets, one file each"],
  ["/var/lib/sm", "state: connections, queues, the identity of this agent, its peers"],
  ["/run/sm", "control sockets: admin.sock for the group smadmin, monitor.sock for smmon"],
  ["/var/log/sm", "logs"],
];

/** `configuration`: the text of config/sm.yaml. */
export function manPages(catalog: Catalog, configuration: string): ManPage[] {
  return [overview(catalog), ...catalog.commands.map((command) => commandPage(catalog, command)), configurationPage(catalog, configuration)];
}

/** Of the program installed at `root`, where no page needs to have been written. */
export async function installedPages(root: string): Promise<ManPage[]> {
  return manPages(await loadCatalog(root), readFileSync(join(root, "config", "sm.yaml"), "utf8"));
}

function pageName({ words }: CatalogCommand): string {
  return `sm-${words.replaceAll(" ", "-")}`;
}

function head(name: string, section: number, { version }: Catalog): string {
  return `.TH ${quoted(name.toUpperCase())} ${section} "" ${quoted(`sm ${version}`)} "sm manual"`;
}

function overview(catalog: Catalog): ManPage {
  const lines = [
    head("sm", 1, catalog),
    ".SH NAME",
    text("sm - real-time file replication"),
    ".SH SYNOPSIS",
    ".B sm",
    ".I COMMAND",
    "[ARGUMENTS] [OPTIONS]",
    ".SH DESCRIPTION",
    text(
      "Keeps a copy of a directory tree on another server, in real time: what changes on the source is on the target moments later, and stays there in the order in which it happened.",
    ),
    text("Each command below has a page of its own, named as the command with hyphens, and a help (`sm COMMAND --help`)."),
    ".SH COMMANDS",
    ...catalog.commands.flatMap((command) => item(`sm ${command.words}`, `${firstSentence(command.description)}; ${pageName(command)}(1)`)),
    ".SH OPTIONS OF ALL COMMANDS",
    ...commonFlags(catalog).flatMap(flagItem),
    ...tail(),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, meaning]) => item(name, meaning)),
    ".SH FILES",
    ...FILES.flatMap(([name, meaning]) => item(name, meaning)),
    ".SH SEE ALSO",
    text("sm.yaml(5)"),
  ];
  return { file: "sm.1", text: page(lines) };
}

function commandPage(catalog: Catalog, command: CatalogCommand): ManPage {
  const own = command.flags.filter(({ isCommon }) => !isCommon);
  const hasCommon = command.flags.some(({ isCommon }) => isCommon);
  const lines = [
    head(pageName(command), 1, catalog),
    ".SH NAME",
    text(`${pageName(command)} - ${lowered(firstSentence(command.description))}`),
    ".SH SYNOPSIS",
    text(usageOf(command)),
    ".SH DESCRIPTION",
    text(command.description),
    ...(command.args.length === 0 ? [] : [".SH ARGUMENTS", ...command.args.flatMap(({ name, description }) => item(name.toUpperCase(), description))]),
    ...(own.length === 0 ? [] : [".SH OPTIONS", ...own.flatMap(flagItem)]),
    ...(hasCommon ? [".SH OPTIONS OF ALL COMMANDS", ...command.flags.filter(({ isCommon }) => isCommon).flatMap(flagItem)] : []),
    ".SH EXAMPLES",
    ...command.examples.flatMap((example) => [".PP", ".nf", text(example), ".fi"]),
    ...tail(),
    ".SH SEE ALSO",
    text(["sm(1)", ...relatives(catalog, command).map((other) => `${pageName(other)}(1)`)].join(", ")),
  ];
  return { file: `${pageName(command)}.1`, text: page(lines) };
}

/** Those of the same group. */
function relatives({ commands }: Catalog, command: CatalogCommand): CatalogCommand[] {
  const group = command.words.split(" ").slice(0, -1).join(" ");
  return group === "" ? [] : commands.filter(({ words }) => words !== command.words && words.startsWith(`${group} `));
}

function configurationPage(catalog: Catalog, configuration: string): ManPage {
  const lines = [
    head("sm.yaml", 5, catalog),
    ".SH NAME",
    text("sm.yaml - configuration of the sm agent"),
    ".SH DESCRIPTION",
    text("Every field with its default and the reason for it; a field that is left out has it anyway. An agent without this file runs."),
    ".PP",
    ".nf",
    ...configuration.trimEnd().split("\n").map(text),
    ".fi",
    ".SH SEE ALSO",
    text("sm(1), sm-agent-run(1)"),
  ];
  return { file: "sm.yaml.5", text: page(lines) };
}

function commonFlags({ commands }: Catalog): readonly CatalogFlag[] {
  return commands.find(({ words }) => words === "status")?.flags.filter(({ isCommon }) => isCommon) ?? [];
}

function tail(): string[] {
  return [".SH EXIT STATUS", ...EXIT_CODES.flatMap(([code, meaning]) => item(String(code), meaning))];
}

function flagItem(flag: CatalogFlag): string[] {
  return item(flagText(flag), flagNotes(flag));
}

function item(term: string, description: string): string[] {
  return [".TP", `\\fB${escaped(term)}\\fR`, text(description)];
}

function page(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

function lowered(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

function quoted(value: string): string {
  return `"${escaped(value).replaceAll('"', '""')}"`;
}

/** One line of text: what is between backticks is bold, and a control character at its beginning is none. */
function text(line: string): string {
  if (line.trim() === "") return "\\&";
  const marked = line
    .split(/`([^`]*)`/)
    .map((part, index) => (index % 2 === 1 ? `\\fB${escaped(part)}\\fR` : escaped(part)))
    .join("");
  return /^[.'\s]/.test(marked) ? `\\&${marked}` : marked;
}

/** Hyphens as they are typed; whatever is not ASCII by its number, so that any roff reads it. */
function escaped(value: string): string {
  return value
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replace(/[^\x00-\x7f]/gu, (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`);
}
