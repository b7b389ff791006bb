// Lines as a screen shows them: parts in styles, never wider than the screen. What has no style is plain.

import { oneLine } from "../format/printable.js";
import { cutText, textWidth } from "../format/text-width.js";

export type Style = "plain" | "title" | "dim" | "good" | "bad" | "chosen";

export interface Span {
  readonly text: string;
  readonly style: Style;
}

export type ScreenLine = readonly Span[];

/** Names come from file systems and peers: what would steer the terminal, line ends too, is written out. */
export function span(text: string, style: Style = "plain"): Span {
  return { text: oneLine(text), style };
}

export function line(...parts: readonly (Span | string)[]): ScreenLine {
  return parts.map((part) => (typeof part === "string" ? span(part) : part));
}

export function lineWidth(spans: ScreenLine): number {
  return spans.reduce((sum, { text }) => sum + textWidth(text), 0);
}

/** The line as far as it fits, with an ellipsis where it was cut. */
export function cutLine(spans: ScreenLine, width: number): ScreenLine {
  if (lineWidth(spans) <= width) return spans;
  const kept: Span[] = [];
  let room = width - 1;
  for (const { text, style } of spans) {
    if (textWidth(text) > room) return [...kept, { text: cutText(`${text}…`, room + 1), style }];
    kept.push({ text, style });
    room -= textWidth(text);
  }
  return kept;
}

/** Both ends of a line; the right one gives way. */
export function spread(left: ScreenLine, right: ScreenLine, width: number): ScreenLine {
  const gap = width - lineWidth(left) - lineWidth(right);
  return gap < 1 ? cutLine(left, width) : [...left, span(" ".repeat(gap)), ...right];
}
