// A program on a pseudo terminal: its keys, its size, and what is on the screen.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { PYTHON } from "./python.js";

export interface PtyEnd {
  readonly exit: number;
  /** The settings of the terminal are what they were. */
  readonly sane: boolean;
}

export interface PtyOptions {
  readonly columns: number;
  readonly rows: number;
  readonly environment: NodeJS.ProcessEnv;
}

export class PtyRun {
  readonly #child: ChildProcess;
  readonly ended: Promise<PtyEnd>;
  /** All that the program wrote, with its control sequences. */
  output = "";

  constructor(command: readonly string[], { columns, rows, environment }: PtyOptions) {
    const script = fileURLToPath(new URL("pty-run.py", import.meta.url));
    const child = spawn(PYTHON, ["-E", "-s", "-S", "-u", script, `${columns}`, `${rows}`, ...command], {
      env: environment,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child = child;
    onTestFinished(() => void child.stdin.end());
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      createInterface({ input: child.stdout }).on("line", (line) => {
        const told = JSON.parse(line) as { readonly out: string } | PtyEnd;
        if ("out" in told) this.output += told.out;
        else resolve(told);
      });
    });
  }

  keys(keys: string): void {
    this.#order({ keys });
  }

  size(columns: number, rows: number): void {
    this.#order({ size: [columns, rows] });
  }

  signal(signal: NodeJS.Signals): void {
    this.#order({ signal });
  }

  /** What was written since the screen, or the last frame on it, was cleared, without control sequences. */
  get text(): string {
    return plain(this.output.slice(Math.max(this.output.lastIndexOf("\x1b[2J"), this.output.lastIndexOf("\x1b[G"), 0)));
  }

  #order(order: object): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
  }
}

function plain(text: string): string {
  return text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "").replaceAll("\r", "");
}
