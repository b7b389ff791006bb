// Questions on the terminal, beside the result: they are written to standard error.

import { createInterface, type Interface } from "node:readline";
import { SmError } from "../../base/errors.js";

export class Asker {
  readonly #lines: Interface;
  /** Answered before they are asked: what is pasted comes at once. */
  readonly #answers: string[] = [];
  #hasEnded = false;
  #wake: () => void = () => undefined;

  constructor(input: NodeJS.ReadableStream, output: NodeJS.WritableStream) {
    this.#lines = createInterface({ input, output });
    this.#lines.on("line", (line) => {
      this.#answers.push(line);
      this.#wake();
    });
    this.#lines.once("close", () => {
      this.#hasEnded = true;
      this.#wake();
    });
  }

  /** Throws USAGE at the end of input, and at Ctrl-C. */
  readonly ask = async (question: string): Promise<string> => {
    if (!this.#hasEnded) {
      this.#lines.setPrompt(question);
      this.#lines.prompt();
    }
    while (this.#answers.length === 0 && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const answer = this.#answers.shift();
    if (answer === undefined) throw new SmError("USAGE", "the questions were not answered to the end: nothing was written");
    return answer;
  };

  close(): void {
    this.#lines.close();
  }
}
