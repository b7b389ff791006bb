// Which rows of a view are shown where the screen is too low for all: every section keeps something, and says how much is not shown.

import { line, type ScreenLine, span } from "./screen-line.js";

export interface Section {
  readonly title: ScreenLine;
  /** Each of one or more lines, which stay together. */
  readonly items: readonly (readonly ScreenLine[])[];
  /** So many stay, as far as there is room at all. */
  readonly itemsMin: number;
  /** The item that must be seen; default: the first. */
  readonly keep?: number;
  /** The last items are the ones to be seen. */
  readonly endIsNews?: boolean;
}

/** At most `rows` lines. The longest section gives way first, down to what it is to keep; what is still too much is cut at the end. */
export function fitSections(sections: readonly Section[], rows: number): ScreenLine[] {
  const shown = sections.map((section) => ({ section, count: Math.min(section.items.length, rows) }));
  const height = (): number => shown.reduce((sum, { section, count }) => sum + heightOf(section, count), 0);
  while (height() > rows) {
    const [longest] = shown.filter(({ section, count }) => count > section.itemsMin).sort((a, b) => b.count - a.count);
    if (longest === undefined) break;
    longest.count -= 1;
  }
  return shown.flatMap(({ section, count }) => linesOf(section, count)).slice(0, rows);
}

function windowOf({ items, keep = 0, endIsNews = false }: Section, count: number): readonly (readonly ScreenLine[])[] {
  if (endIsNews) return items.slice(items.length - count);
  const first = Math.max(0, Math.min(items.length - count, keep - count + 1));
  return items.slice(first, first + count);
}

/** With the line that says how many are not shown; old messages are not worth one. */
function linesOf(section: Section, count: number): ScreenLine[] {
  const hidden = section.items.length - count;
  const more = hidden > 0 && section.endIsNews !== true ? [line(span(`    and ${hidden} more`, "dim"))] : [];
  return [section.title, ...windowOf(section, count).flat(), ...more];
}

function heightOf(section: Section, count: number): number {
  return linesOf(section, count).length;
}
