// How many columns of a terminal a text takes, and texts cut to some: a name may hold characters of two columns, or of none.

const NO_WIDTH = /\p{M}|\p{Cf}/u;
const DOUBLE_WIDTH =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const PLAIN = /^[\x20-\x7e]*$/;

export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (NO_WIDTH.test(character)) return 0;
  return DOUBLE_WIDTH.test(character) ? 2 : 1;
}

/** The text, or as much of it as fits before an ellipsis. */
export function cutText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width <= 0) return "";
  let kept = "";
  let room = width - 1;
  for (const character of text) {
    room -= characterWidth(character);
    if (room < 0) break;
    kept += character;
  }
  return `${kept}…`;
}

/** The text cut or filled up to exactly `width` columns. */
export function fitText(text: string, width: number, align: "left" | "right" = "left"): string {
  const cut = cutText(text, width);
  const filling = " ".repeat(Math.max(0, width - textWidth(cut)));
  return align === "right" ? filling + cut : cut + filling;
}

/** The text in pieces of at most `width` columns; those after the first are indented as it was, and a little more. */
export function foldText(text: string, width: number): string[] {
  if (textWidth(text) <= width) return [text];
  const indent = " ".repeat(Math.min(Math.max(0, width - 10), text.length - text.trimStart().length + 2));
  const pieces: string[] = [];
  let piece = "";
  for (const character of text) {
    if (textWidth(piece) + characterWidth(character) > width) {
      pieces.push(piece);
      piece = indent;
    }
    piece += character;
  }
  return [...pieces, piece];
}
