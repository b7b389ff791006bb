import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The system's interpreter before one in PATH: version managers put slow wrappers there. */
export const PYTHON = process.env.SM_TEST_PYTHON ?? (existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3");

/** Arguments that run a script of this folder, without the user's site packages. */
export function pythonArguments(script: "fs-driver.py" | "compare-trees.py" | "tree-storm.py", ...rest: string[]): string[] {
  return ["-E", "-s", "-S", "-u", fileURLToPath(new URL(script, import.meta.url)), ...rest];
}
