// A long-running process of a database, server or client, as the account of its place. It never outlives its test.

import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
import { onTestFinished } from "vitest";
import { delay } from "../../../src/base/wait.js";
import type { Load } from "./database.js";
import type { DatabasePlace } from "./place.js";

const OUTPUT_TAIL_BYTES = 256 * 1024;
const OUTPUT_SHOWN_BYTES = 2000;
const STOP_TIMEOUT_MS = 120_000;
const KILL_TIMEOUT_MS = 10_000;
const PROBE_INTERVAL_MS = 50;

export interface DaemonOptions {
  /** What ends it at once with all it has started. Default SIGKILL. */
  readonly killSignal?: NodeJS.Signals;
}

export class Daemon {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  readonly #title: string;
  readonly #killSignal: NodeJS.Signals;
  /** The process is gone, and all that it has started. */
  #hasClosed = false;
  #output = "";

  constructor(place: DatabasePlace, command: readonly string[], { killSignal = "SIGKILL" }: DaemonOptions = {}) {
    this.#title = basename(command[0] ?? "");
    this.#killSignal = killSignal;
    const { uid, gid, environment, runDir } = place;
    // Killed with the test runner, should it be killed.
    const prefix = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--pdeathsig=KILL"];
    this.#child = spawn("setpriv", [...prefix, ...command], { env: environment, cwd: runDir, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_TAIL_BYTES);
      });
    }
    this.#closed = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        this.#output += error.message;
        this.#hasClosed = true;
        resolve();
      });
      this.#child.on("close", () => {
        this.#hasClosed = true;
        resolve();
      });
    });
    onTestFinished(() => this.kill());
  }

  get output(): string {
    return this.#output;
  }

  /** Throws, with what the process said, when it has ended. */
  checkRuns(): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) throw this.#error("has ended");
  }

  /** Resolves when `probe` does; throws when the process ends before, or is not ready in time: then it is killed. */
  async ready(probe: () => Promise<unknown>, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      this.checkRuns();
      try {
        await probe();
        return;
      } catch (cause) {
        if (performance.now() > deadline) throw await this.#giveUp(`is not ready after ${timeoutMs} ms`, cause);
      }
      await delay(PROBE_INTERVAL_MS);
    }
  }

  /** To the process and all it has started that stayed in its group. */
  signalGroup(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#hasClosed) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** Orderly stop by this signal; a process that does not obey is killed, and that is an error. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    if (!(await this.#endsWithin(STOP_TIMEOUT_MS))) throw await this.#giveUp(`has not stopped after ${STOP_TIMEOUT_MS} ms`);
  }

  async kill(): Promise<void> {
    if (this.#killSignal !== "SIGKILL" && !this.#hasClosed) {
      this.#child.kill(this.#killSignal);
      if (await this.#endsWithin(KILL_TIMEOUT_MS)) return;
    }
    this.signalGroup("SIGKILL");
    await this.#closed;
  }

  /** Gives it up: the error that says why. */
  async #giveUp(why: string, cause?: unknown): Promise<Error> {
    await this.kill();
    return this.#error(why, cause);
  }

  #error(why: string, cause?: unknown): Error {
    return new Error(`${this.#title} ${why}:\n${this.#output.slice(-OUTPUT_SHOWN_BYTES)}`, { cause });
  }

  async #endsWithin(timeoutMs: number): Promise<boolean> {
    const late = new AbortController();
    const isLate = delay(timeoutMs, late.signal);
    const hasEnded = await Promise.race([this.#closed.then(() => true), isLate.then(() => false)]);
    late.abort();
    return hasEnded;
  }
}

/** A load of client processes. */
export class ClientLoad implements Load {
  readonly #clients: readonly Daemon[];

  constructor(clients: readonly Daemon[]) {
    this.#clients = clients;
  }

  pause(): void {
    for (const client of this.#clients) client.signalGroup("SIGSTOP");
  }

  resume(): void {
    for (const client of this.#clients) client.signalGroup("SIGCONT");
  }

  check(): void {
    for (const client of this.#clients) client.checkRuns();
  }

  async stop(): Promise<void> {
    this.check();
    for (const client of this.#clients) await client.kill();
  }
}
