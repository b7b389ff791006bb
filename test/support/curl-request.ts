// Requests to an agent by the program that people use: curl, as docs/api.md shows it.

import { spawnSync } from "node:child_process";
import type { AgentProcess, ApiResult } from "./agent-process.js";
import { runCommand } from "./run-command.js";

/** False on a machine without curl; .ci/run installs it. */
export const HAS_CURL = spawnSync("curl", ["--version"]).status === 0;

/** `command` as in the command table, e.g. "connection.list". The body goes through standard input, the status comes behind the answer. */
export async function curl({ ready }: AgentProcess, command: string, body: object): Promise<ApiResult> {
  const url = `http://sm/api/v1/${command.replaceAll(".", "/")}`;
  const words = [
    "curl",
    "--silent",
    "--show-error",
    "--max-time",
    "60",
    "--unix-socket",
    ready.adminSocket,
    url,
    "--data",
    "@-",
    "--write-out",
    "\n%{http_code}",
  ];
  const { code, stdout, stderr } = await runCommand(words, { input: JSON.stringify(body) });
  if (code !== 0) throw new Error(`curl ${url} ended with ${code}: ${stderr}`);
  const end = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(end + 1)), body: JSON.parse(stdout.slice(0, end)) };
}
