// Writes docs/settings.md and config/schema/*.json from the table of fields in src/config (built: dist/config).
// `node scripts/settings-doc.mjs` writes the files, with --print the page to standard output; test/unit/config-docs.test.ts compares.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FIELD_SETTINGS } from "./field-settings.mjs";

const load = (/** @type {string} */ name) => import(new URL(`../dist/config/${name}.js`, import.meta.url).href);
const { ALL_FIELDS } = await load("config-fields");
const { variableOf } = await load("environment");
const { effectWords, jsonSchemaOf, SCHEMA_NAMES } = await load("json-schemas");

const PLACES = { configDir: "/etc/sm", stateDir: "/var/lib/sm", runtimeDir: "/run/sm", logDir: "/var/log/sm", hostname: "the host name" };

const cell = (/** @type {string} */ text) => text.replaceAll("|", "\\|");

function ours() {
  return ALL_FIELDS.map((/** @type {any} */ { key, section, name, field }) => {
    const preset = JSON.stringify(field.preset(PLACES));
    return `| \`${key}\` | \`${preset}\` | ${cell(field.expected)} | ${cell(field.reason)} | ${cell(short(field))} | \`${variableOf(section, name)}\` |`;
  });
}

function short(/** @type {{ effect?: "now" | "next" | "restart"; next?: string }} */ field) {
  const sentence = effectWords(field);
  return sentence.replace(/^A change (is in force |takes )?/, "").replace(/\.$/, "");
}

function theirs() {
  return FIELD_SETTINGS.map(({ name, ours: words, key, test }) => {
    const field = ALL_FIELDS.find((/** @type {any} */ each) => each.key === key)?.field;
    return `| ${name} | ${cell(words)} | ${field === undefined ? "" : cell(short(field))} | ${test === null ? "" : `\`${test}\``} |`;
  });
}

const PAGE = `# Settings
This page is generated: \`npm run build && node scripts/settings-doc.mjs\`.

\`sm.yaml\` has the settings of an agent, \`repsets.d/NAME.yaml\` its replication sets, \`connections.d/NAME.yaml\` connections that are described
by files. \`sm config check\` reads them all without an agent; \`sm config get\` says what is in force, and where it comes from; \`sm config set|unset\`
change one field, without an agent in the file alone (checked as a whole before, comments kept, in force at the next start); \`sm config reload\`, or SIGHUP, loads what was edited; \`sm config export\` writes the whole agent as files.
A value comes from the flag of \`sm agent run\`, else from the environment, else from \`sm.yaml\`, else it is the default; limits of the
queue that were set by \`sm queue set\` hold until they are set back. A variable is written as a value of the file is:
\`SM_QUEUE_MEMORY_MIB=64\`, \`SM_QUEUE_DISK_MIB=null\`, \`SM_APPLY_REFUSALS=[EPERM]\`; an empty one counts as unset.

## Ours
| key | default | takes | why this default | a change | environment |
|---|---|---|---|---|---|
${ours().join("\n")}

## Connections that files describe
The words of \`connections.d/NAME.yaml\` are those of the commands (\`sm config schema connection\`; a sample is in \`config/connections.d\`). A reload, and
the start of the agent, make what is missing and change what differs; what a file does not say is as by default. The set, the target, the
place, \`durability\`, \`remapLinks\` and \`simulation\` of a connection that is there are not changed: the reload says so, and
\`sm disconnect CONN\` before the next one makes it anew. \`mirror\` is how the first mirror compares. \`replicate\` stops and starts replication, whatever \`sm replication\` did before. A connection whose file is gone is disconnected, if a file
made it; not while \`connections.d\` is missing, nor while it is empty or most of its files are gone at once (\`sm config reload --yes\`).

## Theirs
The settings that the documents of the field name, and what stands for each here.

| theirs | here | a change | test |
|---|---|---|---|
${theirs().join("\n")}
`;

if (process.argv.includes("--print")) {
  process.stdout.write(PAGE);
} else {
  writeFileSync(fileURLToPath(new URL("../docs/settings.md", import.meta.url)), PAGE);
  const directory = new URL("../config/schema/", import.meta.url);
  mkdirSync(directory, { recursive: true });
  for (const name of SCHEMA_NAMES) writeFileSync(new URL(`${name}.json`, directory), `${JSON.stringify(jsonSchemaOf(name), null, 2)}\n`);
  console.log("wrote docs/settings.md and config/schema");
}
