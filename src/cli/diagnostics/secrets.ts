// What is a secret is not shown to those who help: the values of such fields, and tokens wherever they stand.

const SECRET_FIELD =
  /^(\s*-?\s*["']?[\w.-]*(?:token|secret|password|passphrase|credential|community|private|apikey|api_key)[\w.-]*["']?\s*[:=]\s*)(?!\s*$)(.*)$/gim;
const KEY_BLOCK = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const JSON_FIELD = /("[\w.-]*(?:token|secret|password|passphrase|credential|community|apikey|api_key)[\w.-]*"\s*:\s*)"(?:[^"\\]|\\.)*"/gi;

export const REMOVED = "(removed)";

/** Text of a configuration or a log, without them. */
export function withoutSecrets(text: string): string {
  return text.replace(KEY_BLOCK, REMOVED).replace(JSON_FIELD, `$1"${REMOVED}"`).replace(SECRET_FIELD, `$1${REMOVED}`);
}
