import { SmError } from "../../base/errors.js";

const STDIN_BYTES_MAX = 64 * 1024;

/** All of standard input, as far as a token may be long. */
export async function readStdin(): Promise<string> {
  let text = "";
  process.stdin.setEncoding("utf8");
  for await (const chunk of process.stdin) {
    text += chunk;
    if (text.length > STDIN_BYTES_MAX) throw new SmError("USAGE", `standard input holds more than ${STDIN_BYTES_MAX} bytes: that is no token`);
  }
  return text;
}
