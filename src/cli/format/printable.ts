/** Names come from file systems and peers: no byte of theirs may steer the terminal. Line ends stay. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** As `printable`, for what is part of a line: a name with line ends must not look like further lines of ours. */
export function oneLine(text: string): string {
  return printable(text).replaceAll("\n", "\\x0a");
}

/** JSON of one line. The control characters that JSON may hold as they are, DEL and those behind it, are escaped as the others. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}
