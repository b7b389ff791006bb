// The statistics file of one simulation: lines are appended; at its size it becomes the one before, and a new one is begun.

import { appendFileSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { HEADER_LINE, isStatistics, statisticsFile } from "../model/simulation-row.js";

export interface StatisticsFileOptions {
  readonly path: string;
  readonly bytesMax: number;
  /** The one that is written included. */
  readonly filesMax: number;
  readonly log: Log;
}

export class StatisticsFile {
  readonly #options: StatisticsFileOptions;
  /** Of the file that is written; 0 = it is to be begun, null = that is to be found out. */
  #bytes: number | null = null;
  #isFaulty = false;

  constructor(options: StatisticsFileOptions) {
    this.#options = options;
  }

  /** What cannot be written is said once, and lost: figures never hold up anything. */
  append(line: string): void {
    const { path, bytesMax, log } = this.#options;
    const text = `${line}\n`;
    try {
      this.#bytes ??= this.#found();
      if (this.#bytes > 0 && this.#bytes + text.length > bytesMax) this.#turn();
      const whole = this.#bytes === 0 ? `${HEADER_LINE}\n${text}` : text;
      appendFileSync(path, whole, { mode: 0o640 });
      this.#bytes += whole.length;
      this.#isFaulty = false;
    } catch (error) {
      this.#bytes = null;
      if (!this.#isFaulty) log.warn(`the statistics of a simulation cannot be written: ${toSmError(error).message}`, { path });
      this.#isFaulty = true;
    }
  }

  /** The bytes of the file of before. One that a crash tore, or of other columns, is not written to any more. */
  #found(): number {
    const { path } = this.#options;
    const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes === 0) return 0;
    const text = readFileSync(path, "latin1");
    if (isStatistics(text) && text.endsWith("\n")) return bytes;
    this.#turn();
    return 0;
  }

  #turn(): void {
    const { path, filesMax } = this.#options;
    rmSync(statisticsFile(path, filesMax - 1), { force: true });
    for (let age = filesMax - 2; age >= 0; age--) {
      const from = statisticsFile(path, age);
      if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, statisticsFile(path, age + 1));
    }
    this.#bytes = 0;
  }
}
