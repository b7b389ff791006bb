// The agent that `sm replicate` runs beside itself. It has its own process group, so that a Ctrl-C reaches only us and we
// decide when it drains; and our end of its standard input, so that it goes when we are gone, however that came about.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { isErrorCode, SmError } from "../../base/errors.js";
import { KiB } from "../../base/units.js";
import { delay } from "../../base/wait.js";
import { homeDirectories } from "../directories.js";
import { readNewestLogTail } from "./log-tail.js";

export interface ChildAgentOptions {
  /** The program and its first arguments: what `sm` stands for. */
  readonly program: readonly [string, ...string[]];
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const READY_MS = 60_000;
const STOP_MS = 60_000;
const TEXT_BYTES_MAX = 64 * KiB;
const REASON_LINES = 5;
/** sun_path of unix(7) without its closing NUL. */
const SOCKET_PATH_BYTES_MAX = 107;

type Process = ChildProcessByStdio<Writable, Readable, Readable>;

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ChildAgent {
  readonly #process: Process;
  readonly #logDir: string;
  readonly #temporaryDir: string | undefined;
  readonly runtimeDir: string;
  /** Resolves when the process is gone. Never rejects. */
  readonly exited: Promise<Exit>;
  #output = "";
  #errors = "";

  private constructor(child: Process, directories: { readonly logDir: string; readonly runtimeDir: string; readonly temporaryDir: string | undefined }) {
    this.#process = child;
    this.#logDir = directories.logDir;
    this.runtimeDir = directories.runtimeDir;
    this.#temporaryDir = directories.temporaryDir;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#output = (this.#output + text).slice(-TEXT_BYTES_MAX);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-TEXT_BYTES_MAX);
    });
    // A pipe to a process that ended: its exit is the news, not this.
    child.stdin.on("error", (error) => {
      this.#errors += `standard input: ${error.message}\n`;
    });
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#errors += `${error.message}\n`;
        resolve({ code: null, signal: null });
      });
      child.once("close", (code, signal) => resolve({ code, signal }));
    });
  }

  /** Resolves when the agent answers; an agent that ends before, or takes too long, is a rejection, and leaves no process. */
  static async open(options: ChildAgentOptions): Promise<ChildAgent> {
    const directories = homeDirectories(options.home);
    await mkdir(options.home, { recursive: true, mode: 0o700 });
    const needsShort = Buffer.byteLength(join(directories.runtimeDir, "monitor.sock")) > SOCKET_PATH_BYTES_MAX;
    const temporaryDir = needsShort ? await mkdtemp(join(tmpdir(), "sm-run-")) : undefined;
    const runtimeDir = temporaryDir ?? directories.runtimeDir;
    const [command, ...first] = options.program;
    const places = ["--config-dir", directories.configDir, "--state-dir", directories.stateDir, "--runtime-dir", runtimeDir, "--log-dir", directories.logDir];
    const child = spawn(command, [...first, "agent", "run", "--listen", "127.0.0.1:0", "--json", "--exit-with-parent", ...places], {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      env: { ...options.env, SM_HOME: undefined },
    });
    const agent = new ChildAgent(child, { logDir: directories.logDir, runtimeDir, temporaryDir });
    try {
      await agent.#ready();
      return agent;
    } catch (error) {
      await agent.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Orderly: the agent drains and ends; when it does not in time, it is killed. True = it ended by itself. */
  async close(): Promise<boolean> {
    this.#process.kill("SIGTERM");
    const isInTime = await Promise.race([this.exited.then(() => true), delay(STOP_MS).then(() => false)]);
    await this.kill();
    return isInTime;
  }

  /** At once; a no-op when the process is gone. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.exited;
    if (this.#temporaryDir !== undefined) await rm(this.#temporaryDir, { recursive: true, force: true });
  }

  /** Rejects when the agent ends, with the reason it gave. */
  async died(): Promise<never> {
    const exit = await this.exited;
    throw await this.#reason(exit);
  }

  async #ready(): Promise<void> {
    const timeout = new AbortController();
    const isReady = new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.#messages().some((message) => message.ready === true)) resolve();
      };
      this.#process.stdout.on("data", look);
      look();
    });
    try {
      const late = delay(READY_MS, timeout.signal).then(() => {
        throw new SmError("AGENT_UNREACHABLE", `the agent (pid ${this.pid}) was not ready within ${READY_MS / 1000} s`);
      });
      await Promise.race([isReady, this.died(), late]);
    } finally {
      timeout.abort();
    }
  }

  /** The JSON lines that the agent printed; it may print others when it fails early. */
  #messages(): { readonly ready?: unknown; readonly error?: { readonly code?: unknown; readonly message?: unknown } }[] {
    return this.#output.split("\n").flatMap((line) => {
      if (!line.startsWith("{") || !line.endsWith("}")) return [];
      return [JSON.parse(line)];
    });
  }

  async #reason(exit: Exit): Promise<SmError> {
    const how = exit.signal === null ? `with exit code ${exit.code}` : `by ${exit.signal}`;
    const told = this.#messages().find(({ error }) => error !== undefined)?.error;
    if (told !== undefined && isErrorCode(told.code)) return new SmError(told.code, `the agent ended ${how}: ${told.message}`);
    const lines = this.#errors.trim() === "" ? await readNewestLogTail(this.#logDir, TEXT_BYTES_MAX) : this.#errors;
    const tail = lines.split("\n").filter((line) => line.trim() !== "");
    return new SmError("AGENT_UNREACHABLE", `the agent ended ${how}: ${tail.slice(-REASON_LINES).join("\n") || "it gave no reason"}`);
  }
}
