// package.json as oclif takes it, with the commands of the program that runs: of the bundle, or of the modules as compiled.

import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { PJSON } from "@oclif/core/interfaces";
import { programFile } from "../base/program-files.js";

/** A file for each command, in folders named after the words before its last. */
export const COMMANDS_DIRECTORY = fileURLToPath(programFile("cli/commands"));

/** `root`: where package.json is. */
export function readProgramPackage(root: string): PJSON {
  const description = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as PJSON;
  // The sources themselves have no commands that oclif could load: the built ones, which package.json names, stand for them.
  if (!import.meta.url.endsWith(".js")) return description;
  return { ...description, oclif: { ...description.oclif, commands: `./${relative(root, COMMANDS_DIRECTORY)}` } };
}
