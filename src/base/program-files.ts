// Where the files of the running program are: the modules as compiled (dist/), or the bundle of them (dist/bundle/), in which the entries have
// the same places and all else is one folder deep (scripts/bundle.mjs). Modules name each other's files through this, not by their own place.

import { existsSync, readFileSync } from "node:fs";

const PROGRAM = new URL("../", import.meta.url);

/** The file of a module that is started by itself: `name` from the folder of the program, such as "agent/source-worker.js". */
export function programFile(name: string): URL {
  return new URL(name, PROGRAM);
}

/** Of package.json, the nearest above the program. */
export function programVersion(): string {
  let file = new URL("package.json", PROGRAM);
  while (!existsSync(file)) {
    const above = new URL("../package.json", file);
    if (above.href === file.href) throw new Error(`no package.json above ${PROGRAM.href}: sm is not installed as a whole`);
    file = above;
  }
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version;
}
