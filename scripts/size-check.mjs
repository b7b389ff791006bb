// Holds the sizes of the house: a file that outgrows them is split, not excused.
// `node scripts/size-check.mjs [ROOT]` prints each offender with its count and exits 1 when there is one.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const FUNCTION_LINES_MAX = 70;

/** @type {readonly { folder: string; linesMax: number }[]} */
const FOLDERS = [
  { folder: "src", linesMax: 400 },
  { folder: "bench", linesMax: 400 },
  { folder: "scripts", linesMax: 400 },
  { folder: "test", linesMax: 500 },
];

const SOURCE_EXTENSIONS = new Set([".ts", ".mts", ".mjs", ".cjs", ".py"]);
const SKIPPED_FOLDERS = new Set(["node_modules", "dist", "golden"]);

/** @returns {string[]} */
function listSources(/** @type {string} */ folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : listSources(path);
    return SOURCE_EXTENSIONS.has(extname(entry.name)) ? [path] : [];
  });
}

function countLines(/** @type {string} */ text) {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

/** A `describe` callback groups tests as a class groups methods: its length is the file's. */
function isGroup(/** @type {ts.Node} */ node) {
  const call = node.parent;
  return ts.isCallExpression(call) && /^describe\b/.test(call.expression.getText());
}

function functionName(/** @type {ts.SignatureDeclaration} */ node) {
  if (node.name !== undefined) return node.name.getText();
  if (ts.isConstructorDeclaration(node)) return "constructor";
  if (ts.isVariableDeclaration(node.parent) || ts.isPropertyAssignment(node.parent)) return node.parent.name.getText();
  if (ts.isCallExpression(node.parent)) {
    const title = node.parent.arguments[0];
    return `${node.parent.expression.getText()}(${title !== undefined && ts.isStringLiteralLike(title) ? JSON.stringify(title.text) : "…"})`;
  }
  return "(anonymous)";
}

/** @returns {{ name: string; lines: number }[]} */
function measureFunctions(/** @type {string} */ path, /** @type {string} */ text) {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  /** @type {{ name: string; lines: number }[]} */
  const found = [];
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined && !isGroup(node)) {
      const first = file.getLineAndCharacterOfPosition(node.getStart(file)).line;
      const last = file.getLineAndCharacterOfPosition(node.getEnd()).line;
      found.push({ name: functionName(node), lines: last - first + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function findOffenders(/** @type {string} */ root) {
  /** @type {string[]} */
  const offenders = [];
  for (const { folder, linesMax } of FOLDERS) {
    for (const path of listSources(join(root, folder))) {
      const text = readFileSync(path, "utf8");
      const name = relative(root, path);
      const lines = countLines(text);
      if (lines > linesMax) offenders.push(`${name}: ${lines} lines (at most ${linesMax})`);
      if (extname(path) === ".py") continue;
      for (const measured of measureFunctions(path, text)) {
        if (measured.lines > FUNCTION_LINES_MAX) {
          offenders.push(`${name}: ${measured.name}: ${measured.lines} lines (a function has at most ${FUNCTION_LINES_MAX})`);
        }
      }
    }
  }
  return offenders;
}

const root = resolve(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)));
const offenders = findOffenders(root);
for (const line of offenders) console.log(line);
console.log(offenders.length === 0 ? "sizes: all within limits" : `sizes: ${offenders.length} over the limit`);
process.exitCode = offenders.length === 0 ? 0 : 1;
