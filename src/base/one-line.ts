// Whatever a name, a peer or a program of the system says: one event stays one line, and steers no terminal.

/** Everything that ends a line or is no character: C0, DEL, C1, the line ends of Unicode, halves of a pair. */
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u2028\u2029]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const JSON_UNSAFE = /[\x7f-\x9f\u2028\u2029]/g;

/** Text without control characters: they are written as \xNN or \uNNNN. */
export function oneLine(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

/** As `oneLine`, of JSON text, which stays JSON. */
export function oneJsonLine(json: string): string {
  return json.replace(JSON_UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** At most so many characters; what is cut ends in an ellipsis. */
export function shortened(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, Math.max(0, charsMax - 1))}…`;
}
