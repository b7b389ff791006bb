// Runs a program of somebody else: no shell reads its path or arguments, it has the environment that it is given and nothing of
// ours, and it ends, with all that it began, when its time is over.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { OUTPUT_MAX, type ProgramEnd, type ProgramOrder, type ProgramPolicy, type RunCommand, type RunProgram, refusedEnd, WHY_MAX } from "../model/task.js";
import { whyNotRun, whyWritten } from "./program-check.js";

/** What still comes of the output of a program that has ended: others may hold its pipe open for ever. */
const TAIL_MS = 200;
/** Between being asked to end and being ended. */
const TERM_MS = 2000;
/** The agent has no umask, and that of a process cannot be changed for a child alone: this sets it, and becomes the program. */
const WRAPPER = ["/bin/sh", "-c", 'umask 022; exec "$0" "$@"'] as const;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

type Child = ChildProcessByStdio<null, Readable, Readable>;

export function programRunner(policy: ProgramPolicy, options: { readonly termMs?: number } = {}): RunProgram {
  const runCommand = commandRunner(policy, options);
  return async ({ phase, ...order }, signal) => ({ phase, ...(await runCommand(order, signal)) });
}

/** As `programRunner`, of programs that are no task's. */
export function commandRunner(policy: ProgramPolicy, { termMs = TERM_MS }: { readonly termMs?: number } = {}): RunCommand {
  return async (order, signal) => {
    const why = whyRefused(policy, order.program.path);
    return why === null ? run(order, signal, termMs) : refusedEnd(why);
  };
}

/** Why a program is not run here; null = it is. */
export function whyRefused({ isEnabled, directory, keys, writtenPlaces }: ProgramPolicy, path: string): string | null {
  if (!isEnabled) return `this agent runs no programs (${keys.enabled} is false)`;
  if (directory === null) return `this agent knows no directory of programs (${keys.directory})`;
  return whyNotRun(directory, path) ?? whyWritten({ directory, key: keys.directory, path }, writtenPlaces());
}

function run({ program, environment, timeoutMs }: Omit<ProgramOrder, "phase">, signal: AbortSignal, termMs: number): Promise<ProgramEnd> {
  const startMs = performance.now();
  const [shell, ...wrapper] = WRAPPER;
  const child: Child = spawn(shell, [...wrapper, program.path, ...program.args], {
    cwd: "/",
    env: { PATH, LANG: "C.UTF-8", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: what the program begins is ended with it.
    detached: true,
  });
  const output = new Tail();
  child.stdout.on("data", (bytes: Buffer) => output.add(bytes));
  child.stderr.on("data", (bytes: Buffer) => output.add(bytes));
  return new Promise((resolve) => {
    let ended: "timedOut" | "interrupted" | null = null;
    const timers: NodeJS.Timeout[] = [];
    const end = (why: "timedOut" | "interrupted"): void => {
      if (ended !== null) return;
      ended = why;
      killGroup(child, "SIGTERM");
      timers.push(setTimeout(() => killGroup(child, "SIGKILL"), termMs));
    };
    const onAbort = (): void => end("interrupted");
    if (timeoutMs !== null) timers.push(setTimeout(() => end("timedOut"), timeoutMs));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const settle = (rest: Pick<ProgramEnd, "outcome" | "exitCode" | "signal" | "why">): void => {
      for (const timer of timers) clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      if (ended !== null) killGroup(child, "SIGKILL");
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ ...rest, output: output.text, ms: Math.round(performance.now() - startMs) });
    };
    child.on("error", (error) => settle({ outcome: "failed", exitCode: null, signal: null, why: error.message.slice(0, WHY_MAX) }));
    child.on("exit", (code, by) => {
      const outcome = ended ?? (by === null ? "exited" : "killed");
      const done = (): void => settle({ outcome, exitCode: code, signal: by, why: ended === "interrupted" ? "the agent was stopped" : "" });
      const timer = setTimeout(done, TAIL_MS);
      child.on("close", () => {
        clearTimeout(timer);
        done();
      });
    });
  });
}

function killGroup({ pid }: Child, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // All of it is gone, or has become another account.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/** The end of what a program writes. */
class Tail {
  #bytes = Buffer.alloc(0);

  add(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]).subarray(-2 * OUTPUT_MAX);
  }

  get text(): string {
    return this.#bytes.toString("utf8").replaceAll("\0", "").slice(-OUTPUT_MAX);
  }
}
