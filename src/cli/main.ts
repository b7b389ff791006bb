// Entry of the `sm` program: runs one oclif command, prints what went wrong in the one form, sets the exit code.

import { join } from "node:path";
import { run } from "@oclif/core/run";
import { SmError, toSmError } from "../base/errors.js";
import { printable } from "./format/printable.js";
import { commandWords } from "./parse/command-words.js";
import { nearestWord } from "./parse/nearest-word.js";

interface OclifError extends Error {
  readonly oclif?: { readonly exit?: number };
  readonly code?: string;
}

/** Resolves when everything is printed; the caller ends the process with `process.exitCode`. */
export async function main(argv: readonly string[], root: string): Promise<void> {
  endQuietlyOnClosedPipe();
  try {
    await run([...argv], root);
  } catch (thrown) {
    const oclif = thrown as OclifError;
    if (oclif.code === "EEXIT") {
      process.exitCode = oclif.oclif?.exit ?? 0;
    } else {
      const error = explain(oclif, root);
      printError(error, argv.includes("--json"));
      process.exitCode = error.entry.exitCode;
    }
  }
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
}

/** What oclif says about words and flags that it does not know is the caller's fault; everything else is ours. */
function explain(error: OclifError, root: string): SmError {
  if (error instanceof SmError || error.oclif === undefined) return toSmError(error);
  const unknown = /^command (.*) not found$/.exec(error.message)?.[1];
  if (unknown === undefined) return new SmError("USAGE", usageText(error.message), { cause: error });
  const words = unknown.replaceAll(":", " ");
  const near = nearestWord(words, commandWords(join(root, "dist", "cli", "commands")));
  return new SmError("COMMAND_UNKNOWN", `there is no command \`sm ${words}\`${near === undefined ? "" : `; did you mean \`sm ${near}\`?`}`, { cause: error });
}

function usageText(message: string): string {
  return message
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("See more help"))
    .join("; ");
}

function printError(error: SmError, asJson: boolean): void {
  if (asJson) {
    const body = { error: { code: error.code, message: error.message, hint: error.hint, data: error.data } };
    process.stdout.write(`${JSON.stringify(body)}\n`);
    return;
  }
  process.stderr.write(`${printable(`error ${error.code}: ${error.message}`)}\nhint: ${error.hint}\n`);
  if (error.entry.disposition === "bug" && error.cause instanceof Error) process.stderr.write(`${printable(error.cause.stack ?? "")}\n`);
}

/** `sm … | head`: the reader has what it wanted. */
function endQuietlyOnClosedPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}
