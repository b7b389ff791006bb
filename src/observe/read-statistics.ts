// The statistics of one simulation, from its files, while others do their work.

import { createReadStream, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { SmError } from "../base/errors.js";
import { SimulationFigures } from "../model/simulation-figures.js";
import { HEADER_LINE, parseRow, STATISTICS_FILES_MAX, statisticsFile } from "../model/simulation-row.js";

/** What there is of the file and those before it, oldest first. */
export function statisticsFiles(path: string): readonly string[] {
  const files: string[] = [];
  for (let age = 0; age < STATISTICS_FILES_MAX; age++) {
    const file = statisticsFile(path, age);
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) break;
    files.unshift(file);
  }
  return files;
}

/** Lines that are no rows are passed over: a crash tears one. Rejects with USAGE when a file is of another kind. */
export async function readStatistics(files: readonly string[]): Promise<SimulationFigures> {
  const figures = new SimulationFigures();
  for (const file of files) {
    let isFirst = true;
    for await (const line of createInterface({ input: createReadStream(file, "latin1"), crlfDelay: Number.POSITIVE_INFINITY })) {
      if (isFirst && line !== HEADER_LINE) throw new SmError("USAGE", `${file} is no statistics file of a simulation`);
      const row = isFirst ? null : parseRow(line);
      isFirst = false;
      if (row !== null) figures.add(row);
    }
  }
  return figures;
}
