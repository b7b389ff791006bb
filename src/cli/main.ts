// Entry of the `sm` program: runs one oclif command, prints what went wrong in the one form, sets the exit code.

import { pathToFileURL } from "node:url";
import type { PJSON } from "@oclif/core/interfaces";
import { SmError, toSmError } from "../base/errors.js";
import { nearestWord } from "../base/nearest-word.js";
import { commandWords, findCommandFile } from "./find-command.js";
import { paint } from "./format/paint.js";
import { jsonText, printable } from "./format/printable.js";
import { hangUp } from "./hang-up.js";
import { COMMANDS_DIRECTORY, readProgramPackage } from "./program-package.js";
import { terminalOf } from "./terminal.js";
import { TOPICS } from "./topics.js";

interface OclifError extends Error {
  readonly oclif?: { readonly exit?: number };
  readonly code?: string;
}

/** Resolves when everything is printed; the caller ends the process with `process.exitCode`. */
export async function main(argv: readonly string[], root: string): Promise<void> {
  endQuietlyOnClosedPipe();
  try {
    await runCommand(argv, root);
  } catch (thrown) {
    const oclif = thrown as OclifError;
    if (oclif.code === "EEXIT") {
      process.exitCode = oclif.oclif?.exit ?? 0;
    } else {
      const error = explain(oclif);
      printError(error, argv);
      process.exitCode = error.entry.exitCode;
    }
  }
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
}

/** What this needs of the class that a command file exports: its own static `run` is generic over its subclasses. */
interface CommandClass {
  id: string;
  run(argv: string[], options: { readonly root: string; readonly pjson: PJSON }): Promise<unknown>;
}

async function runCommand(argv: readonly string[], root: string): Promise<void> {
  const description = readProgramPackage(root);
  const { commands, ...oclif } = description.oclif;
  const found = findCommandFile(COMMANDS_DIRECTORY, argv);
  if (found === undefined) {
    const { run } = await import("@oclif/core/run");
    const needsCommands = argv[0] !== "--version" && commands !== undefined;
    await run([...argv], { root, pjson: { ...description, oclif: { ...oclif, topics: TOPICS, ...(needsCommands ? { commands } : {}) } } });
    return;
  }
  const { default: command } = (await import(pathToFileURL(found.file).href)) as { default: CommandClass };
  command.id = found.id;
  await command.run([...found.args], { root, pjson: { ...description, oclif } });
}

/** What oclif says about words and flags that it does not know is the caller's fault; everything else is ours. */
function explain(error: OclifError): SmError {
  if (error instanceof SmError || error.oclif === undefined) return toSmError(error);
  const unknown = /^command (.*) not found$/.exec(error.message)?.[1];
  if (unknown === undefined) return new SmError("USAGE", usageText(error.message), { cause: error });
  const words = unknown.replaceAll(":", " ");
  const near = nearestCommand(words.split(" "), commandWords(COMMANDS_DIRECTORY));
  return new SmError("COMMAND_UNKNOWN", `there is no command \`sm ${words}\`${near === undefined ? "" : `; did you mean \`sm ${near}\`?`}`, { cause: error });
}

/** Of as many words as possible: what follows may be arguments. */
function nearestCommand(words: readonly string[], commands: readonly string[]): string | undefined {
  for (let count = words.length; count > 0; count--) {
    const near = nearestWord(
      words.slice(0, count).join(" "),
      commands.filter((command) => command.split(" ").length === count),
    );
    if (near !== undefined) return near;
  }
  return undefined;
}

/** One line of what oclif spreads over several. */
function usageText(message: string): string {
  return message
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("See more help") && !/^The following errors? occurred:$/.test(line))
    .join("; ")
    .replaceAll(":; ", ": ");
}

function printError(error: SmError, argv: readonly string[]): void {
  if (argv.includes("--json")) {
    const body = { error: { code: error.code, message: error.message, hint: error.hint, data: error.data } };
    process.stdout.write(`${jsonText(body)}\n`);
    return;
  }
  const text = `${printable(`error ${error.code}: ${error.message}`)}\nhint: ${error.hint}\n`;
  process.stderr.write(terminalOf(process.stderr, process.env, argv.includes("--no-color")).isColored ? paint(text) : text);
  if (error.entry.disposition === "bug" && error.cause instanceof Error) process.stderr.write(`${printable(error.cause.stack ?? "")}\n`);
}

/** `sm … | head`: the reader has what it wanted. The command ends with the code that it has by then. */
function endQuietlyOnClosedPipe(): void {
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    // What stands beside the result is nobody's to read any more; the result, and the code, still may be.
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EIO" && process.stdout.isTTY === true) hangUp();
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}
