// Writes docs/errors.md from the table in src/base/errors.ts (built: dist/base/errors.js).
// `node scripts/errors-doc.mjs` writes the file, with --print to standard output; test/unit/house-rules.test.ts compares.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** @typedef {{ disposition: string; exitCode: number; httpStatus: number; hint: string }} Entry */

const DISPOSITIONS = [
  ["retry", "The agent tries again by itself, with growing delays."],
  ["halt", "The connection stops until a person has done what the hint says."],
  ["reject", "The request was not carried out; nothing has changed."],
  ["bug", "A defect of the program. Restarting the agent is safe."],
];

const HEAD = `# Errors

Every error of \`sm\` has a code. The CLI prints it, \`--json\` carries it as \`error.code\`, the HTTP API answers it with the status
below, and the log has it in the field \`code\`. The exit codes of the CLI: 0 done, 1 bug, 2 usage, 3 unreachable, 4 halted,
5 done with problems, 6 still running, 7 refused.

This page is generated: \`npm run build && node scripts/errors-doc.mjs\`.
`;

/** The page as text. */
function renderErrorsDoc(/** @type {Readonly<Record<string, Entry>>} */ errors) {
  const sections = DISPOSITIONS.map(([disposition, meaning]) => {
    const rows = Object.entries(errors)
      .filter(([, entry]) => entry.disposition === disposition)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, entry]) => `| \`${code}\` | ${entry.exitCode} | ${entry.httpStatus} | ${escapeCell(entry.hint)} |`);
    return `## ${disposition}\n${meaning}\n\n| code | exit | HTTP | what to do |\n|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return [HEAD, ...sections].join("\n");
}

/** A backslash escapes in prose but not within `code`, while a bar always ends a cell. */
function escapeCell(/** @type {string} */ text) {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith("`") ? part : part.replace(/([\\<>*_])/g, "\\$1")).replaceAll("|", "\\|"))
    .join("");
}

const { ERRORS } = await import(new URL("../dist/base/errors.js", import.meta.url).href);
const page = renderErrorsDoc(ERRORS);
if (process.argv.includes("--print")) {
  process.stdout.write(page);
} else {
  mkdirSync(new URL("../docs/", import.meta.url), { recursive: true });
  const path = fileURLToPath(new URL("../docs/errors.md", import.meta.url));
  writeFileSync(path, page);
  console.log(`wrote ${path}`);
}
