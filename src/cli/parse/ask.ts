// Questions on a terminal. What is asked goes beside the results; a secret is typed without an echo.

import { createInterface } from "node:readline/promises";
import type { ReadStream } from "node:tty";
import { SmError } from "../../base/errors.js";

const SECRET_LENGTH_MAX = 4096;
const [CTRL_C, CTRL_D, CTRL_U, BACKSPACE, DELETE] = ["\x03", "\x04", "\x15", "\b", "\x7f"];

/** True for "yes" alone: a habit of pressing Enter, or y, must not trust a stranger. */
export async function askYes(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    return (await Promise.race([lines.question(`${question} (yes/no) `), ended])).trim().toLowerCase() === "yes";
  } finally {
    lines.close();
  }
}

/** One line, typed or pasted. Ctrl-C and Ctrl-D end it with USAGE. */
export async function askSecret(question: string, input: ReadStream, output: NodeJS.WritableStream): Promise<string> {
  output.write(question);
  input.setRawMode(true);
  try {
    return await readSecret(input);
  } finally {
    input.setRawMode(false);
    input.pause();
    output.write("\n");
  }
}

function readSecret(input: ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const end = (error: SmError | null): void => {
      input.off("data", onData).off("end", onEnd).off("error", onError);
      if (error === null) resolve(text);
      else reject(error);
    };
    const onEnd = (): void => end(new SmError("USAGE", "nothing was given"));
    const onError = (cause: Error): void => end(new SmError("USAGE", "the terminal cannot be read", { cause }));
    const onData = (chunk: Buffer | string): void => {
      for (const key of chunk.toString()) {
        if (key === "\r" || key === "\n" || key === CTRL_C || key === CTRL_D) {
          if (key === CTRL_C || key === CTRL_D) onEnd();
          else end(null);
          return;
        }
        text = typed(text, key);
      }
    };
    input.on("data", onData).on("end", onEnd).on("error", onError).resume();
  });
}

function typed(text: string, key: string): string {
  if (key === CTRL_U) return "";
  if (key === BACKSPACE || key === DELETE) return text.slice(0, -1);
  return text.length < SECRET_LENGTH_MAX ? text + key : text;
}
