// Executes file operations through an interpreter of its own: fast in batches, independent of the program under test,
// and able to do what node cannot (extended attributes, device nodes, exchange of two names).

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { PYTHON, pythonArguments } from "./python.js";

/** `data` is latin1 text, one character per byte; or `length` bytes made from `seed`. */
export type Content = { readonly data: string } | { readonly seed: number; readonly length: number };

/** Paths are relative to the root of the driver, latin1 text, one character per byte; "" is the root. */
export type Operation = { readonly path: string } & (
  | ({ readonly kind: "create"; readonly mode?: number } & Content)
  | ({ readonly kind: "write" | "editInDisguise" | "mmapWrite"; readonly offset: number } & Content)
  | ({ readonly kind: "append" } & Content)
  | { readonly kind: "truncate"; readonly size: number }
  | { readonly kind: "punch"; readonly offset: number; readonly length: number }
  | { readonly kind: "rename" | "exchange" | "link"; readonly to: string }
  | { readonly kind: "symlink"; readonly target: string }
  | { readonly kind: "fifo"; readonly mode?: number }
  | { readonly kind: "character" | "block"; readonly major: number; readonly minor: number }
  | { readonly kind: "mkdir" | "socket" | "unlink" | "rmdir" | "removeTree" }
  | { readonly kind: "chmod"; readonly mode: number }
  | { readonly kind: "chown"; readonly uid: number; readonly gid: number }
  | { readonly kind: "times"; readonly mtimeNs: bigint; readonly atimeNs?: bigint }
  | { readonly kind: "setXattr"; readonly name: string; readonly value: string }
  | { readonly kind: "removeXattr"; readonly name: string }
);

export interface OperationProblem {
  readonly index: number;
  readonly operation: Operation;
  readonly errno: number;
  readonly message: string;
}

/** Nanosecond times exceed what a JSON number of JavaScript holds, but not what JSON holds. */
function encodeBatch(operations: readonly Operation[]): string {
  const text = JSON.stringify({ operations }, (_, value: unknown) => (typeof value === "bigint" ? `\u0001${value}\u0001` : value));
  return text.replace(/"\\u0001(-?\d+)\\u0001"/g, "$1");
}

function decodeProblems(line: string): readonly OperationProblem[] {
  return (JSON.parse(line) as { readonly problems: readonly OperationProblem[] }).problems;
}

function failOn(problems: readonly OperationProblem[]): void {
  const first = problems[0];
  if (first === undefined) return;
  throw new Error(`${problems.length} operations failed, first: ${JSON.stringify(first.operation)}: ${first.message}`);
}

/** One batch, in a process of its own. Throws when any operation failed. */
export function runOperations(root: string, operations: readonly Operation[]): void {
  const done = spawnSync(PYTHON, pythonArguments("fs-driver.py", root), { input: `${encodeBatch(operations)}\n`, encoding: "utf8", maxBuffer: 64 << 20 });
  if (done.error !== undefined) throw done.error;
  if (done.status !== 0) throw new Error(`fs-driver on ${root} failed: ${done.stderr}`);
  failOn(decodeProblems(done.stdout));
}

/** Many batches through one process. */
export class FsDriver {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #stderr = "";
  #exited: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null || child.stderr === null) throw new Error("fs-driver has no output");
    this.#reader = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY });
    this.#lines = this.#reader[Symbol.asyncIterator]();
    this.#exited = once(child, "exit");
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4096);
    });
  }

  static async open(root: string): Promise<FsDriver> {
    const child = spawn(PYTHON, pythonArguments("fs-driver.py", root), { stdio: ["pipe", "pipe", "pipe"] });
    await once(child, "spawn");
    return new FsDriver(child);
  }

  /** Executes in order; a failed operation does not stop the rest. Returns what failed. */
  async try(operations: readonly Operation[]): Promise<readonly OperationProblem[]> {
    this.#child.stdin?.write(`${encodeBatch(operations)}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`fs-driver ended: ${this.#stderr}`);
    return decodeProblems(line.value);
  }

  /** As `try`, but throws when any operation failed. */
  async run(operations: readonly Operation[]): Promise<void> {
    failOn(await this.try(operations));
  }

  async close(): Promise<void> {
    this.#child.stdin?.end();
    await this.#exited;
    this.#reader.close();
  }
}
