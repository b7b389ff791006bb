// Runs scripts against an agent that keeps everything in memory, through the real command table.

import { isSecretOf, parseToken } from "../../src/base/access-token.js";
import { silentLog } from "../../src/base/log.js";
import type { ApiCommands, CommandName } from "../../src/control/api.js";
import { dispatch } from "../../src/control/dispatcher.js";
import type { CommandPort } from "../../src/script/command-port.js";
import type { StatementReport } from "../../src/script/evaluator.js";
import { runScript } from "../../src/script/script-runner.js";
import { ScriptSession } from "../../src/script/session.js";
import { plainValue } from "../../src/script/value.js";
import { MemoryAgentControl } from "./memory-agent-control.js";

export class TablePort implements CommandPort {
  readonly serverNames: readonly string[] | null = null;
  /** Agents that the account has stored, by their names. */
  readonly servers = new Map<string, TablePort>();
  readonly agent: MemoryAgentControl;
  readonly #role: "admin" | "monitor" | "none";
  signal: AbortSignal;
  /** Name and input of each call. */
  readonly calls: [string, unknown][] = [];

  constructor(agent: MemoryAgentControl, role: "admin" | "monitor" | "none", signal: AbortSignal) {
    this.agent = agent;
    this.#role = role;
    this.signal = signal;
  }

  call<Name extends CommandName>(name: Name, input: ApiCommands[Name]["input"]): Promise<ApiCommands[Name]["output"]> {
    return this.callNamed(name, input) as Promise<ApiCommands[Name]["output"]>;
  }

  callNamed(name: string, input: unknown): Promise<unknown> {
    this.calls.push([name, input]);
    return dispatch(this.agent, { caller: { role: this.#role, name: "test", from: "memory" }, name, input }, silentLog);
  }

  async role(): Promise<"admin" | "monitor" | null> {
    return this.#role === "none" ? null : this.#role;
  }

  /** By the users of the agent in memory. */
  async withToken(token: string): Promise<TablePort> {
    const { name = "", secret = "" } = parseToken(token) ?? {};
    const user = this.agent.users.find(name);
    const isRight = user !== undefined && isSecretOf(secret, user.tokenHash);
    const port = new TablePort(this.agent, isRight ? user.role : "none", this.signal);
    return Object.assign(port, { serverNames: this.serverNames });
  }

  toServer(machine: string): TablePort | null {
    return this.servers.get(machine) ?? null;
  }
}

export interface ScriptRun {
  readonly exitCode: number;
  readonly isExit: boolean;
  readonly reports: readonly StatementReport[];
  /** What a person sees on standard output. */
  readonly output: string;
  /** "line:column code name", of each failure. */
  readonly failures: readonly string[];
}

export class ScriptKit {
  readonly agent: MemoryAgentControl;
  readonly port: TablePort;
  readonly session: ScriptSession;

  constructor({ agent = new MemoryAgentControl(), role = "admin" as "admin" | "monitor", signal = new AbortController().signal } = {}) {
    this.agent = agent;
    this.port = new TablePort(agent, role, signal);
    this.session = new ScriptSession({ port: this.port, now: () => new Date(2026, 10, 21, 13, 59, 7) });
  }

  /** Pairs the agent with a machine. */
  async pair(name: string): Promise<void> {
    await this.agent.peers.bootstrapImport({ token: Buffer.from(name).toString("base64"), siteName: undefined });
  }

  async run(text: string, { stopsOnError = true } = {}): Promise<ScriptRun> {
    this.session.stopsOnError = stopsOnError;
    const reports: StatementReport[] = [];
    const { exitCode, isExit } = await runScript(text, this.session, (report) => reports.push(report));
    const output = reports.flatMap(({ written, outcome }) => [...(written === null ? [] : [written]), ...(outcome.lines ?? []).map((line) => `  ${line}`)]);
    const failures = reports.flatMap(({ error, at, value }) => (error === null ? [] : [`${at.line}:${at.column} ${plainValue(value)} ${error.code}`]));
    return { exitCode, isExit, reports, output: output.map((line) => `${line}\n`).join(""), failures };
  }

  /** The value of the last statement. */
  async value(text: string): Promise<number | string | undefined> {
    const last = (await this.run(text)).reports.at(-1);
    return last === undefined ? undefined : plainValue(last.value);
  }
}
