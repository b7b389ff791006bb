// The built program within the process of the test: `main` of dist/, with what it prints and its exit code. For what takes many
// commands: a process for each is half a second of processor. A command that listens to signals is run as one (sm-program.ts).

import { createRequire } from "node:module";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { ROOT, type SmResult } from "./sm-program.js";

type Main = (argv: readonly string[], root: string) => Promise<void>;
type Write = typeof process.stdout.write;

const importBuilt = createRequire(import.meta.url)("./import-built.cjs") as (url: string) => Promise<{ readonly main: Main }>;
let isRunning = false;

/** One runs at a time: the standard streams and the environment are those of the process. */
export function isMainRunning(): boolean {
  return isRunning;
}

/** `words`: of one command after the other; not at the same time. */
export async function runMain(words: readonly string[], environment: Readonly<Record<string, string>> = {}, input = ""): Promise<SmResult> {
  if (isRunning) throw new Error(`sm ${words.join(" ")}: another command runs within this process`);
  isRunning = true;
  const before = { environment: { ...process.env }, stdout: process.stdout.write, stderr: process.stderr.write, exitCode: process.exitCode };
  const text = { stdout: "", stderr: "" };
  const into = (name: keyof typeof text): Write =>
    ((chunk: string | Uint8Array, ...rest: readonly unknown[]) => {
      text[name] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
      const done = rest.at(-1);
      if (typeof done === "function") done();
      return true;
    }) as Write;
  const stdin = Object.getOwnPropertyDescriptor(process, "stdin") as PropertyDescriptor;
  try {
    const { main } = await importBuilt(pathToFileURL(join(ROOT, "dist", "cli", "main.js")).href);
    Object.defineProperty(process, "stdin", { configurable: true, value: Readable.from([Buffer.from(input)]) });
    Object.assign(process.env, environment);
    process.exitCode = 0;
    process.stdout.write = into("stdout");
    process.stderr.write = into("stderr");
    await main(words, ROOT);
    return { code: Number(process.exitCode ?? 0), ...text };
  } finally {
    Object.defineProperty(process, "stdin", stdin);
    process.stdout.write = before.stdout;
    process.stderr.write = before.stderr;
    process.exitCode = before.exitCode;
    for (const name of Object.keys(process.env)) if (!(name in before.environment)) delete process.env[name];
    Object.assign(process.env, before.environment);
    for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners("error");
    isRunning = false;
  }
}
