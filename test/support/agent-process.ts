// A real agent in a process of its own, spoken to by the real CLI and over its real socket.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { onTestFailed, onTestFinished } from "vitest";
import type { StatusReport } from "../../src/model/status.js";
import { giveIdentity } from "./identity-pool.js";
import { type CommandResult, runCommand } from "./run-command.js";
import { isMainRunning, runMain } from "./run-main.js";

export const SM_PROGRAM = fileURLToPath(new URL("../../bin/sm", import.meta.url));

export interface AgentOptions {
  /** SM_HOME of the agent: configuration, state, queue, logs and sockets are below it. */
  readonly home: string;
  /** Default 127.0.0.1:0. */
  readonly listen?: string;
  /** The process kills itself at this failpoint; `name:3` = at the third passage. */
  readonly failpoint?: string;
  readonly siteName?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Put before the command, e.g. the prefix of a network namespace. */
  readonly prefix?: readonly string[];
  readonly readyTimeoutMs?: number;
}

export interface ReadyLine {
  readonly ready: true;
  readonly pid: number;
  readonly listen: string;
  readonly adminSocket: string;
}

export interface CliResult extends CommandResult {
  /** The result of a command run with --json; undefined when it printed none. */
  readonly json: unknown;
}

export interface ApiResult {
  readonly status: number;
  readonly body: unknown;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const OUTPUT_TAIL_BYTES = 64 * 1024;
const STOP_TIMEOUT_MS = 30_000;

/** For an agent that a proxy must know before it is there. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export interface CliOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly prefix?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs the CLI with SM_HOME set to `home`: within this process, or in one of its own where another command runs here already. */
export async function runCli(home: string, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { prefix = [], environment = {}, ...rest } = options;
  const own = { SM_HOME: home, ...environment };
  const isHere = prefix.length === 0 && !isMainRunning();
  const command = [...prefix, process.execPath, SM_PROGRAM, ...args];
  const result = isHere ? await runHere(args, own, options) : await runCommand(command, { ...rest, environment: { ...process.env, ...own } });
  return { ...result, json: args.includes("--json") ? parseJson(result.stdout) : undefined };
}

async function runHere(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  { input, timeoutMs = 60_000 }: CliOptions,
): Promise<CommandResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`sm ${args.join(" ")}: no end within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return { signal: null, ...(await Promise.race([runMain(args, environment, input), late])) };
  } finally {
    clearTimeout(timer);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export class AgentProcess {
  readonly options: AgentOptions;
  readonly ready: ReadyLine;
  /** Resolves when the process has ended, however. */
  readonly exited: Promise<ExitStatus>;
  readonly #child: ChildProcess;
  readonly #output: OutputTail;

  private constructor(options: AgentOptions, child: ChildProcess, output: OutputTail, exited: Promise<ExitStatus>, ready: ReadyLine) {
    this.options = options;
    this.#child = child;
    this.#output = output;
    this.exited = exited;
    this.ready = ready;
  }

  /** Resolves when the agent is ready. It is killed when the test has finished, and its output shown when the test failed. */
  static async start(options: AgentOptions): Promise<AgentProcess> {
    giveIdentity(options.home);
    const { child, output, exited } = spawnAgent(options);
    onTestFinished(async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
    });
    onTestFailed(() => console.error(`--- agent ${options.home} ---\n${output.text}`));
    const line = await output.firstLine(options.readyTimeoutMs ?? 30_000, exited);
    const ready = parseJson(line) as ReadyLine | undefined;
    if (ready?.ready !== true) throw new Error(`agent ${options.home} said ${JSON.stringify(line)} instead of being ready\n${output.text}`);
    return new AgentProcess(options, child, output, exited, ready);
  }

  get home(): string {
    return this.options.home;
  }

  /** host and port that peers dial. */
  get address(): { readonly host: string; readonly port: number } {
    const colon = this.ready.listen.lastIndexOf(":");
    return { host: this.ready.listen.slice(0, colon), port: Number(this.ready.listen.slice(colon + 1)) };
  }

  get outputTail(): string {
    return this.#output.text;
  }

  /** Runs `sm ARGS` against this agent. */
  cli(args: readonly string[], options: { readonly input?: string; readonly timeoutMs?: number } = {}): Promise<CliResult> {
    return runCli(this.home, args, { ...options, ...(this.options.prefix === undefined ? {} : { prefix: this.options.prefix }) });
  }

  /** As `cli` with --json; throws unless the command exits with 0. */
  async json<T>(args: readonly string[], options: { readonly input?: string; readonly timeoutMs?: number } = {}): Promise<T> {
    const result = await this.cli([...args, "--json"], options);
    if (result.code !== 0) throw new Error(`sm ${args.join(" ")} exited with ${result.code}: ${result.stdout}${result.stderr}`);
    return result.json as T;
  }

  /** Its report, straight from the socket: a program for each look would take most of the time of many tests. */
  async status(): Promise<StatusReport> {
    const { status, body } = await this.api("status");
    if (status !== 200) throw new Error(`status answered ${status}: ${JSON.stringify(body)}`);
    return body as StatusReport;
  }

  /** One request to admin.sock: `command` as in the command table, e.g. "connection.list". */
  async api(command: string, body: unknown = {}): Promise<ApiResult> {
    const text = JSON.stringify(body);
    const path = `/api/v1/${command.replaceAll(".", "/")}`;
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const outgoing = request({ socketPath: this.ready.adminSocket, path, method: "POST", headers, agent: false, timeout: 60_000 });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${command}: no answer within 60 s`)));
    outgoing.end(text);
    const [response] = (await once(outgoing, "response")) as [import("node:http").IncomingMessage];
    response.setEncoding("utf8");
    let answer = "";
    for await (const chunk of response) answer += chunk;
    return { status: response.statusCode ?? 0, body: parseJson(answer) };
  }

  /** Orderly stop. */
  async stop(): Promise<ExitStatus> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    const status = await this.exited;
    clearTimeout(timer);
    if (status.signal === "SIGKILL") throw new Error(`agent ${this.home} did not stop within ${STOP_TIMEOUT_MS} ms\n${this.#output.text}`);
    return status;
  }

  /** As a power cut of the process. */
  async kill9(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** SIGSTOP: alive for the kernel, silent for everybody else. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** Starts an agent again that has ended: same home and, unless another is given, same address. */
  restart(changes: Partial<AgentOptions> = {}): Promise<AgentProcess> {
    const { failpoint: _, ...kept } = this.options;
    return AgentProcess.start({ ...kept, listen: this.ready.listen, ...changes });
  }
}

interface Spawned {
  readonly child: ChildProcess;
  readonly output: OutputTail;
  readonly exited: Promise<ExitStatus>;
}

function spawnAgent(options: AgentOptions): Spawned {
  const args = ["agent", "run", "--listen", options.listen ?? "127.0.0.1:0", "--json"];
  if (options.siteName !== undefined) args.push("--site-name", options.siteName);
  const [program = "", ...rest] = [...(options.prefix ?? []), process.execPath, SM_PROGRAM, ...args];
  const environment: NodeJS.ProcessEnv = { ...process.env, SM_HOME: options.home, ...options.environment };
  if (options.failpoint !== undefined) environment.SM_FAILPOINT = options.failpoint;
  const child = spawn(program, rest, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise<ExitStatus>((resolve) => {
    child.on("error", () => resolve({ code: null, signal: null }));
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
  return { child, output: new OutputTail(child), exited };
}

/** The last of what a process printed. */
class OutputTail {
  #text = "";
  #line = "";
  readonly #firstLine: Promise<string>;

  constructor(child: ChildProcess) {
    this.#firstLine = new Promise((resolve) => {
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        this.#keep(text);
        if (this.#line.includes("\n")) return;
        this.#line += text;
        const end = this.#line.indexOf("\n");
        if (end >= 0) resolve(this.#line.slice(0, end));
      });
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#keep(text));
    child.on("error", (error) => this.#keep(`${error.message}\n`));
  }

  get text(): string {
    return this.#text;
  }

  #keep(text: string): void {
    this.#text = (this.#text + text).slice(-OUTPUT_TAIL_BYTES);
  }

  async firstLine(timeoutMs: number, exited: Promise<ExitStatus>): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`agent not ready within ${timeoutMs} ms\n${this.#text}`)), timeoutMs);
    });
    const gone = exited.then(({ code, signal }) => {
      throw new Error(`agent ended (${code ?? signal}) before it was ready\n${this.#text}`);
    });
    try {
      return await Promise.race([this.#firstLine, late, gone]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Pairs two running agents: the source knows the target as `targetName` (default "B"). */
export async function pairAgents(source: AgentProcess, target: AgentProcess, targetName = "B", address = target.ready.listen): Promise<void> {
  const { token } = await target.json<{ readonly token: string }>(["peer", "bootstrap", "create", "--site-name", targetName, "--address", address]);
  await source.json(["peer", "bootstrap", "import", "-"], { input: `${token}\n` });
}
