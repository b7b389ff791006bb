// Lists for people: columns as wide as needed, cut so that a row fits the line and never wraps.

import { oneLine } from "./printable.js";
import { cutText, fitText, textWidth } from "./text-width.js";

export const LINE_WIDTH = 80;

export interface Column<Row> {
  readonly header: string;
  readonly align?: "right";
  /** Where the line is too short, the columns of the highest number are cut first, the widest of them before the others. Default 0. */
  readonly yields?: number;
  cell(row: Row): string;
}

const GAP = 2;
const COLUMN_MIN = 6;

/** `lineWidth`: of the terminal; Infinity = nothing is cut. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], lineWidth = LINE_WIDTH): string {
  const lines = [columns.map(({ header }) => header), ...rows.map((row) => columns.map((column) => oneLine(column.cell(row))))];
  const natural = columns.map((_, index) => Math.max(...lines.map((line) => textWidth(line[index] ?? ""))));
  const widths = fitWidths(natural, columns, lineWidth - GAP * (columns.length - 1));
  return lines
    .map((line) => line.map((cell, index) => fitText(cell, widths[index] ?? 0, columns[index]?.align)).join(" ".repeat(GAP)))
    .map((line) => cutText(line.trimEnd(), lineWidth))
    .join("\n");
}

/** Takes from the column that yields first until all fit, one character at a time: the narrow ones stay whole. */
function fitWidths<Row>(natural: readonly number[], columns: readonly Column<Row>[], room: number): number[] {
  const widths = [...natural];
  for (let excess = widths.reduce((sum, width) => sum + width, 0) - room; excess > 0; excess -= 1) {
    const chosen = firstToYield(widths, columns);
    if (chosen === undefined) break;
    widths[chosen] = (widths[chosen] ?? 0) - 1;
  }
  return widths;
}

function firstToYield<Row>(widths: readonly number[], columns: readonly Column<Row>[]): number | undefined {
  let chosen: number | undefined;
  for (const [index, width] of widths.entries()) {
    if (width <= COLUMN_MIN) continue;
    const yields = columns[index]?.yields ?? 0;
    const before = chosen === undefined ? -1 : (columns[chosen]?.yields ?? 0);
    if (yields > before || (yields === before && width > (widths[chosen ?? 0] ?? 0))) chosen = index;
  }
  return chosen;
}
