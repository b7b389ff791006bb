// Colours for a terminal, put on a finished text line by line: the texts themselves hold none, so that what is piped is plain.

const RED = 31;
const YELLOW = 33;
const CYAN = 36;
const BOLD = 1;

const HEADER = /^ *[A-Z]+(?: +[A-Z]+)+$/;
const RULES: readonly (readonly [pattern: RegExp, style: number])[] = [
  [/^( *)(! [A-Z_]+:)/, YELLOW],
  [/^( *)(advice:|blind spot:)/, YELLOW],
  [/^( *)(command:.*)$/, CYAN],
  [/^( *)(error [A-Z_]+:)/, RED],
  [/^( *)(hint:)/, CYAN],
];

function styled(text: string, style: number): string {
  return `\x1b[${style}m${text}\x1b[${style === BOLD ? 22 : 39}m`;
}

export function paint(text: string): string {
  return text.split("\n").map(paintLine).join("\n");
}

function paintLine(line: string, index: number): string {
  if (index === 0 && HEADER.test(line)) return styled(line, BOLD);
  for (const [pattern, style] of RULES) {
    if (pattern.test(line)) return line.replace(pattern, (_, indent: string, marked: string) => indent + styled(marked, style));
  }
  return line;
}
