// A process that stores into a shared mapping of a file, as it is told.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { PYTHON } from "./python.js";

export class MapWriter {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    const script = fileURLToPath(new URL("map-writer.py", import.meta.url));
    this.#child = spawn(PYTHON, [script], { stdio: ["pipe", "pipe", "inherit"] });
    this.#answers = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    onTestFinished(() => this.close());
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  async run(command: string): Promise<void> {
    this.#child.stdin?.write(`${command}\n`);
    expect((await this.#answers.next()).value).toBe(command.split(" ")[0]);
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.stdin?.end();
    await exited;
  }
}
