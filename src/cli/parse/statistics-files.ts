// The statistics of a simulation from a file that the caller may read, without an agent.

import { existsSync, readFileSync } from "node:fs";
import { SmError, toSmError } from "../../base/errors.js";
import type { SimulationResult } from "../../model/simulation.js";
import { SimulationFigures } from "../../model/simulation-figures.js";
import { isStatistics, parseRow, STATISTICS_FILES_MAX, statisticsFile } from "../../model/simulation-row.js";
import { type SizingQuestion, sizingReport } from "../../model/sizing-report.js";

/** With those before it (.1, .2, …). */
export function reportOfFile(path: string, question: SizingQuestion): SimulationResult {
  const files = [path];
  for (let age = 1; age < STATISTICS_FILES_MAX && existsSync(statisticsFile(path, age)); age++) files.unshift(statisticsFile(path, age));
  const figures = new SimulationFigures();
  for (const file of files) for (const line of linesOf(file)) addLine(figures, line);
  if (figures.loads.length === 0) throw new SmError("NOT_FOUND", `there are no figures in ${path} yet`);
  return { files, report: sizingReport(figures, question, (ms) => new Date(ms).getHours()) };
}

function addLine(figures: SimulationFigures, line: string): void {
  const row = parseRow(line);
  if (row !== null) figures.add(row);
}

function linesOf(file: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, "latin1");
  } catch (error) {
    throw new SmError("USAGE", `${file} cannot be read: ${toSmError(error).message}`, { cause: error });
  }
  if (!isStatistics(text)) throw new SmError("USAGE", `${file} is no statistics file of a simulation`);
  return text.split("\n");
}
