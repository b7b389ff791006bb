// Lists for people: columns as wide as needed, cut so that a row fits the line.

export const LINE_WIDTH = 80;

export interface Column<Row> {
  readonly header: string;
  readonly align?: "right";
  cell(row: Row): string;
}

const GAP = 2;
const COLUMN_MIN = 6;

export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], lineWidth = LINE_WIDTH): string {
  const lines = [columns.map(({ header }) => header), ...rows.map((row) => columns.map((column) => column.cell(row)))];
  const natural = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const widths = fitWidths(natural, lineWidth - GAP * (columns.length - 1));
  return lines
    .map((line) =>
      line
        .map((cell, index) => pad(cell, widths[index] ?? 0, columns[index]?.align))
        .join(" ".repeat(GAP))
        .trimEnd(),
    )
    .join("\n");
}

/** Takes from the widest column until all fit, one character at a time: the narrow ones stay whole. */
function fitWidths(natural: readonly number[], room: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= COLUMN_MIN) break;
    widths[widths.indexOf(widest)] = widest - 1;
    excess -= 1;
  }
  return widths;
}

function pad(cell: string, width: number, align: "right" | undefined): string {
  const text = cell.length > width ? `${cell.slice(0, width - 1)}…` : cell;
  return align === "right" ? text.padStart(width) : text.padEnd(width);
}
