// Builds dist/ unless it is the build of what is here already. Run by `prepare`: npm runs that after `npm ci`, and npx once more
// before the first `npx sm` of a checkout, which must not wait for a second compilation, nor fail where src/ is absent. And by `npm test`.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Beside the sources, what a build depends on. */
const INPUTS = ["package-lock.json", "tsconfig.json", "tsconfig.build.json", "scripts/bundle.mjs"];

/** @type {(directory: string) => string[]} */
const listBelow = (directory) => (existsSync(join(root, directory)) ? readdirSync(join(root, directory), { recursive: true, encoding: "utf8" }) : []);
/** @type {(...path: string[]) => number} Of a file that is not there: -1. */
const changedMs = (...path) => statSync(join(root, ...path), { throwIfNoEntry: false })?.mtimeMs ?? -1;

/** The last step of a build. */
const bundledMs = changedMs("dist/bundle/cli/main.js");

function isBuilt() {
  const sources = listBelow("src").filter((name) => name.endsWith(".ts"));
  return (
    INPUTS.every((name) => bundledMs >= changedMs(name)) &&
    sources.every((name) => {
      const sourceMs = changedMs("src", name);
      return bundledMs >= sourceMs && changedMs("dist", name.replace(/\.ts$/, ".js")) >= sourceMs;
    })
  );
}

/** What was compiled of sources that are no more. */
function listStrays() {
  const compiled = listBelow("dist").filter((name) => name.endsWith(".js") && !name.startsWith("bundle/"));
  return compiled.filter((name) => !existsSync(join(root, "src", name.replace(/\.js$/, ".ts"))));
}

if (existsSync(join(root, "src"))) {
  const strays = listStrays();
  for (const name of strays) rmSync(join(root, "dist", name));
  if (strays.length > 0 || !isBuilt()) execFileSync("npm", ["run", "build"], { cwd: root, stdio: "inherit" });
}
