// What is a secret is not shown to those who help: the values of such fields, with all that stands below them, options and logins in
// commands and addresses, tokens and keys wherever they stand. Rather too much goes than too little.

/** Of bounded length: a log may hold words without end. */
const NAME = "[\\w.-]{0,64}(?:token|secret|passw|passphrase|passcode|pwd|credential|community|private|(?:api|auth|priv|access)[_-]?key)[\\w.-]{0,64}|pass";
const FIELD = new RegExp(`^([ \\t]*)((?:- )?["']?(?:${NAME})["']?[ \\t]*[:=])(?=\\s|$)`, "i");
const TEXT = `"(?:[^"\\\\]|\\\\.)*"|'[^']*'`;
/** Within a line: `name: value`, `name=value`, as JSON has it, too. A list or an object that holds others goes with the rest of the line. */
const INLINE = new RegExp(`((?<![\\w.-])["']?(?:${NAME})["']?\\s*[:=]\\s*)(${TEXT}|\\[[^\\][{}]*\\]|\\{[^\\][{}]*\\}|[[{].*|[^\\s,;}\\]"']+)`, "gi");
/** `--password VALUE`, and as two texts of a list. */
const OPTION = new RegExp(`(?<![\\w-])(--?(?:${NAME})["']?[\\s,=]+)(${TEXT}|[^\\s,\\]"']+)`, "gi");
const LOGIN = /\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi;
const ADDRESS = /:\/\/[^\s/@"']+@/g;
/** Of a user of the API; of a pairing, which is JSON as base64, as is the head of other tokens. */
const TOKEN = /\bsm~[\w.-]+~[\w-]{20,}|\beyJ[\w+/.=-]{20,}/g;
const KEY_BLOCK = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

export const REMOVED = "(removed)";

/** Text of a configuration or a log, without them. */
export function withoutSecrets(text: string): string {
  const kept: string[] = [];
  let secret: { readonly indent: number; readonly isItem: boolean } | null = null;
  for (const line of text.replace(KEY_BLOCK, REMOVED).split("\n")) {
    if (secret !== null && isBelow(line, secret)) continue;
    const field = FIELD.exec(line);
    secret = field === null ? null : { indent: indentOf(line), isItem: isItem(line) };
    kept.push(field === null ? withoutInline(line) : `${field[1]}${field[2]} ${REMOVED}`);
  }
  return kept.join("\n");
}

function withoutInline(line: string): string {
  return line
    .replace(ADDRESS, `://${REMOVED}@`)
    .replace(LOGIN, `$1 ${REMOVED}`)
    .replace(TOKEN, REMOVED)
    .replace(OPTION, `$1${REMOVED}`)
    .replace(INLINE, (_, name: string, value: string) => name + (value.startsWith('"') ? `"${REMOVED}"` : REMOVED));
}

/** The items of a list may stand as far left as the name of the list. */
function isBelow(line: string, { indent, isItem: isOfList }: { readonly indent: number; readonly isItem: boolean }): boolean {
  if (line.trim() === "") return false;
  return indentOf(line) > indent || (indentOf(line) === indent && isItem(line) && !isOfList);
}

function isItem(line: string): boolean {
  return /^[ \t]*-(?:\s|$)/.test(line);
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
