import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { parseLine } from "./log-line.js";
import { newestOf, numbersIn, smLogName } from "./log-series.js";

const TAIL_BYTES = 256 * 1024;
const LINES = 20;

/** The number of the last line that an agent before wrote here; 0 where there is none, or it cannot be read. */
export function newestSeq(directory: string): number {
  const text = [smLogName(0), smLogName(1)].flatMap((name) => tailOf(join(directory, name)));
  const columns = tailOf(join(directory, `dtlog${newestOf(numbersOf(directory))}.dtl`));
  const seqs = [...text.map((line) => parseLine(line)?.seq ?? 0), ...columns.map((line) => Number(line.split(" ", 5)[4]))];
  return Math.max(0, ...seqs.filter((seq) => Number.isSafeInteger(seq)));
}

function numbersOf(directory: string): readonly number[] {
  try {
    return numbersIn(readdirSync(directory));
  } catch {
    return [];
  }
}

/** The last lines of a file. What cannot be read is no reason not to begin. */
function tailOf(path: string): readonly string[] {
  try {
    const fd = openSync(path, "r");
    try {
      const { size } = fstatSync(fd);
      const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
      const length = readSync(fd, tail, 0, tail.length, size - tail.length);
      return tail
        .toString("utf8", 0, length)
        .split("\n")
        .filter((line) => line !== "")
        .slice(-LINES);
    } finally {
      closeSync(fd);
    }
  } catch {
    return [];
  }
}
