// Random writes through a process of its own (write-storm.py), batch by batch or without end.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { PYTHON } from "./python.js";

/** Changes within a file. */
const IN_PLACE = [
  ...["pwrite", "writev", "append", "direct", "truncate", "shrink_and_grow", "allocate", "punch", "zero", "collapse", "insert"],
  ...["copy_range", "clone", "sendfile", "splice", "aio", "uring"],
];
/** Files begun anew, and what changes nothing. */
const OTHERS = ["rewrite", "replace", "clone_all", "direct_read", "sync", "drop"];

/** Those within a file come three times as often. */
export const ALL_WRITE_KINDS: readonly string[] = [...IN_PLACE, ...IN_PLACE, ...IN_PLACE, ...OTHERS];

export interface WriteBatch {
  readonly seed: number;
  readonly operations: number;
  readonly files: number;
  readonly kinds: readonly string[];
  /** First letters of the names of the files. Default "f". */
  readonly prefix?: string;
}

export interface WriteReport {
  readonly touched: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  /** Errno of the last refusal of a kind. */
  readonly refused: Readonly<Record<string, number>>;
}

export class WriteStorm {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #stderr = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null || child.stderr === null) throw new Error("write-storm has no output");
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4096);
    });
  }

  /** Ended with the test. */
  static open(directory: string, blockBytes: number): WriteStorm {
    const script = fileURLToPath(new URL("write-storm.py", import.meta.url));
    const storm = new WriteStorm(spawn(PYTHON, ["-E", "-s", "-S", "-u", script, directory, String(blockBytes)], { stdio: ["pipe", "pipe", "pipe"] }));
    onTestFinished(() => storm.close());
    return storm;
  }

  /** Resolves when all calls of the batch have returned. */
  async run(batch: WriteBatch): Promise<WriteReport> {
    this.#child.stdin?.write(`${JSON.stringify(batch)}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`write-storm ended: ${this.#stderr}`);
    return JSON.parse(value as string) as WriteReport;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.stdin?.end();
    await exited;
  }
}
