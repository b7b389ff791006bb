// What is a secret is not shown to those who help: the values of such fields, with all that stands below them, and keys.

const WORD = "token|secret|password|passphrase|credential|community|private|api_?key";
const FIELD = new RegExp(`^([ \\t]*)((?:- )?["']?[\\w.-]*(?:${WORD})[\\w.-]*["']?[ \\t]*[:=])(?=\\s|$)`, "i");
const JSON_FIELD = new RegExp(`("[\\w.-]*(?:${WORD})[\\w.-]*"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"`, "gi");
const KEY_BLOCK = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

export const REMOVED = "(removed)";

/** Text of a configuration or a log, without them. */
export function withoutSecrets(text: string): string {
  const kept: string[] = [];
  let secretIndent: number | null = null;
  for (const line of text.replace(KEY_BLOCK, REMOVED).replace(JSON_FIELD, `$1"${REMOVED}"`).split("\n")) {
    if (secretIndent !== null && line.trim() !== "" && indentOf(line) > secretIndent) continue;
    const field = FIELD.exec(line);
    secretIndent = field === null ? null : indentOf(line);
    kept.push(field === null ? line : `${field[1]}${field[2]} ${REMOVED}`);
  }
  return kept.join("\n");
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
