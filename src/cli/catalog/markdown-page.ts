// docs/cli.md: the reference of all commands, made from their definitions.

import { type Catalog, type CatalogCommand, EXIT_CODES, flagNotes, flagText, usageOf } from "./catalog.js";

const HEAD = `# Commands

All commands of \`sm\`, with their arguments, options and examples. This page is made from the definitions of the commands:
\`npm run build && node scripts/cli-doc.mjs\`. The same is in \`sm COMMAND --help\` and in the man pages (\`sm man COMMAND\`; as files \`npm run man\`).
`;

const SINGLE = "Single commands";

export function markdownPage(catalog: Catalog): string {
  const groups = groupsOf(catalog);
  const contents = [...groups].map(([title, commands]) => `- [${title}](#${anchor(title)}): ${commands.map(({ words }) => `\`${words}\``).join(", ")}`);
  const sections = [...groups].map(([title, commands]) => section(title, catalog.topics.get(title), commands));
  return [HEAD, contents.join("\n"), "", commonSection(catalog), exitSection(), ...sections].join("\n");
}

/** By their first word; those that stand alone come first. */
function groupsOf({ commands, topics }: Catalog): Map<string, CatalogCommand[]> {
  const groups = new Map<string, CatalogCommand[]>([[SINGLE, []]]);
  for (const command of commands) {
    const first = command.words.split(" ")[0] ?? "";
    const title = topics.has(first) ? first : SINGLE;
    groups.set(title, [...(groups.get(title) ?? []), command]);
  }
  return groups;
}

function anchor(title: string): string {
  return title.toLowerCase().replaceAll(" ", "-");
}

function section(title: string, description: string | undefined, commands: readonly CatalogCommand[]): string {
  return [`## ${title}`, description ?? "Those of one word.", "", ...commands.map(commandSection)].join("\n");
}

function commandSection(command: CatalogCommand): string {
  const own = command.flags.filter(({ isCommon }) => !isCommon);
  const rows = [
    ...command.args.map(({ name, description }) => `| \`${name.toUpperCase()}\` | ${cell(description)} |`),
    ...own.map((flag) => `| \`${cell(flagText(flag))}\` | ${cell(flagNotes(flag))} |`),
  ];
  const table = rows.length === 0 ? [] : ["| argument, option | |", "|---|---|", ...rows, ""];
  return [`### ${usageOf(command)}`, escaped(command.description), "", ...table, "```", ...command.examples, "```", ""].join("\n");
}

function commonSection({ commands }: Catalog): string {
  const common = commands.find(({ words }) => words === "status")?.flags.filter(({ isCommon }) => isCommon) ?? [];
  const rows = common.map((flag) => `| \`${flagText(flag)}\` | ${cell(flagNotes(flag))} |`);
  return ["## Options of all commands", "| option | |", "|---|---|", ...rows, ""].join("\n");
}

function exitSection(): string {
  return ["## Exit codes", "| code | |", "|---|---|", ...EXIT_CODES.map(([code, meaning]) => `| ${code} | ${meaning} |`), ""].join("\n");
}

function cell(text: string): string {
  return escaped(text).replaceAll("|", "\\|");
}

/** Angle brackets and stars mean something outside of code. */
function escaped(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith("`") ? part : part.replace(/([\\<>*])/g, "\\$1")))
    .join("");
}
