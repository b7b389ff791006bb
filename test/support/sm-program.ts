// Runs the real `bin/sm` of this checkout (built before the tests), and makes a stand-in for `sm agent run` whose agent
// keeps everything in memory.

import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";

export const ROOT = new URL("../..", import.meta.url).pathname;
export const SM = join(ROOT, "bin", "sm");

export interface SmResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SmOptions {
  readonly home?: string;
  readonly stdin?: string;
  readonly env?: Record<string, string>;
  /** Another `bin/sm` than that of this checkout. */
  readonly bin?: string;
  /** Standard input stays open, to be closed by the caller. */
  readonly keepsStdin?: boolean;
}

export function startSm(
  args: readonly string[],
  options: SmOptions = {},
): { readonly process: ChildProcess; readonly result: Promise<SmResult>; stdout(): string; stderr(): string } {
  const env = { ...process.env, ...(options.home === undefined ? {} : { SM_HOME: options.home }), ...options.env };
  const child = spawn(process.execPath, [options.bin ?? SM, ...args], { env, cwd: "/", stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  if (options.keepsStdin !== true) child.stdin.end(options.stdin ?? "");
  const result = new Promise<SmResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
  return { process: child, result, stdout: () => stdout, stderr: () => stderr };
}

export function sm(args: readonly string[], options: SmOptions = {}): Promise<SmResult> {
  return startSm(args, options).result;
}

const AGENT_PROGRAM = `
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ControlServer } from "DIST/control/http-server.js";
import { silentLog } from "DIST/base/log.js";
import { MemoryAgentControl, connectionReport } from "./memory-agent-control.mjs";

const text = { type: "string" };
const { values } = parseArgs({ allowPositionals: true, options: {
  listen: text, json: { type: "boolean" }, "exit-with-parent": { type: "boolean" },
  "config-dir": text, "state-dir": text, "runtime-dir": text, "log-dir": text,
} });
writeFileSync("PIDFILE", String(process.pid));
if ("MODE" === "refuse") {
  console.log(JSON.stringify({ error: { code: "AGENT_RUNNING", message: "state is in use" } }));
  process.exit(2);
}
if ("MODE" === "crash") {
  console.error("some noise\\nout of luck");
  process.exit(1);
}
const agent = new MemoryAgentControl({ mirrorEnds: { outcome: "done", percent: 100, filesDone: 3, bytesDone: 4096 } });
const server = await ControlServer.open({ runtimeDir: values["runtime-dir"], agent, log: silentLog });
const end = async () => { writeFileSync("CALLSFILE", agent.calls.join("\\n")); await server.close(); process.exit(0); };
process.on("SIGTERM", end);
process.on("SIGINT", () => process.exit(77));
process.stdin.on("close", () => process.exit(0)).resume();
console.log(JSON.stringify({ ready: true, pid: process.pid, listen: "127.0.0.1:1", adminSocket: server.adminSocket }));
`;

export interface MemoryAgentProgram {
  readonly program: readonly [string, string];
  readonly pidFile: string;
  readonly callsFile: string;
}

function writeMemoryAgent(directory: string, dist: string): void {
  const compilerOptions = { module: ts.ModuleKind.ES2022, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };
  for (const name of ["memory-agent-control", "memory-reports", "memory-log"]) {
    const source = readFileSync(new URL(`./${name}.ts`, import.meta.url), "utf8");
    const program = ts.transpileModule(source, { compilerOptions }).outputText;
    writeFileSync(join(directory, `${name}.mjs`), program.replaceAll("../../src", dist).replaceAll(/\.\/memory-(reports|log)\.js/g, "./memory-$1.mjs"));
  }
}

/** Writes the stand-in into `directory`. "refuse" ends with an error as JSON, "crash" with words on standard error. */
export function plantMemoryAgent(directory: string, mode: "run" | "refuse" | "crash" = "run"): MemoryAgentProgram {
  const dist = pathToFileURL(join(ROOT, "dist")).href;
  writeMemoryAgent(directory, dist);
  const [main, pidFile, callsFile] = ["agent.mjs", "pid", "calls"].map((name) => join(directory, name)) as [string, string, string];
  writeFileSync(main, AGENT_PROGRAM.replaceAll("DIST", dist).replaceAll("MODE", mode).replaceAll("PIDFILE", pidFile).replaceAll("CALLSFILE", callsFile));
  return { program: [process.execPath, main], pidFile, callsFile };
}

const AGENT_MODULE = `
import { ControlServer } from "../control/http-server.js";
import { silentLog } from "../base/log.js";
import { MemoryAgentControl } from "./memory-agent-control.mjs";

export async function runAgent({ flags, env, onReady, signal, abort }) {
  const agent = new MemoryAgentControl({ mirrorEnds: { outcome: "done", percent: 100, filesDone: 3, bytesDone: 4096 } });
  const server = await ControlServer.open({ runtimeDir: flags.runtimeDir ?? env.SM_HOME + "/run", agent, log: silentLog });
  onReady({ pid: process.pid, listen: flags.listen ?? "127.0.0.1:1500", adminSocket: server.adminSocket, more: "is not printed" });
  const on = (s) => new Promise((resolve) => (s.aborted ? resolve() : s.addEventListener("abort", resolve, { once: true })));
  await on(signal);
  console.error("draining");
  if (env.SM_TEST_SLOW === "1") await on(abort);
  await server.close();
}
`;

/** A copy of the program below `directory` whose agent keeps everything in memory. Returns its `bin/sm`. */
export function plantSm(directory: string): string {
  for (const part of ["bin", "dist/cli", "dist/base", "dist/control", "dist/model", "package.json"])
    cpSync(join(ROOT, part), join(directory, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
  const agentDirectory = join(directory, "dist", "agent");
  mkdirSync(agentDirectory);
  writeFileSync(join(agentDirectory, "agent.js"), AGENT_MODULE);
  writeMemoryAgent(agentDirectory, "..");
  return join(directory, "bin", "sm");
}
