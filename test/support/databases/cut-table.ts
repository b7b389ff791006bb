// The outcome of cut trials: one row each, and below the table what was wrong.

import { writeFileSync } from "node:fs";
import type { Cut, TrialResult } from "./cut-trial.js";

const FINDING_LENGTH_MAX = 300;
const COLUMNS = [
  "database",
  "file system",
  "capture",
  "cuts",
  "recovered",
  "clean",
  "lost ms median",
  "lost ms max",
  "lost commits max",
  "repaired after s, max",
];

export function isClean(cut: Cut): boolean {
  return cut.hasRecovered && cut.findings.length === 0;
}

/** "–" when there is nothing to take it from. */
function median(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? "–" : `${(low + high) / 2}`;
}

function longest(values: readonly number[]): string {
  return values.length === 0 ? "–" : `${Math.max(...values)}`;
}

function row({ database, fileSystem, capture, cuts }: TrialResult): string[] {
  const lostMs = cuts.map((cut) => cut.lostMs).filter((ms) => ms !== null);
  const lostCommits = cuts.map((cut) => cut.lostCommits).filter((count) => count !== null);
  const counts = [cuts.length, cuts.filter((cut) => cut.hasRecovered).length, cuts.filter(isClean).length].map(String);
  return [database, fileSystem, capture, ...counts, median(lostMs), longest(lostMs), longest(lostCommits), longest(cuts.map((cut) => cut.repairSeconds))];
}

function findingLines({ database, fileSystem, seed, cuts, stalls }: TrialResult): string[] {
  const lines = cuts.flatMap((cut, index) =>
    cut.findings.map((finding) => `- cut ${index + 1} (${cut.killed} killed): ${finding.replaceAll(/\s+/g, " ").slice(0, FINDING_LENGTH_MAX)}`),
  );
  lines.push(...stalls.map((stall) => `- ${stall}`));
  return lines.length === 0 ? [] : ["", `${database} on ${fileSystem}, seed ${seed}:`, ...lines];
}

export function renderCutTable(results: readonly TrialResult[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const table = [line(COLUMNS), `|${COLUMNS.map(() => "---").join("|")}|`, ...results.map((result) => line(row(result)))];
  return `${[...table, ...results.flatMap(findingLines)].join("\n")}\n`;
}

/** Gathers the results of one run; the file always holds all so far. */
export class CutTable {
  readonly #results: TrialResult[] = [];
  readonly #path: string | undefined;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  add(result: TrialResult): void {
    this.#results.push(result);
    if (this.#path !== undefined) writeFileSync(this.#path, renderCutTable(this.#results));
  }

  toString(): string {
    return renderCutTable(this.#results);
  }
}
