// Builds dist/ unless it is the build of src/ already. Run by `prepare`: npm runs that after `npm ci`, and npx once more
// before the first `npx sm` of a checkout, which must not wait for a second compilation, nor fail where src/ is absent.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Of the last step of a build, or -1. */
function bundledMs() {
  const file = join(root, "dist", "bundle", "cli", "main.js");
  return existsSync(file) ? statSync(file).mtimeMs : -1;
}

function isBuilt() {
  const bundled = bundledMs();
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .every((name) => {
      const built = join(root, "dist", name.replace(/\.ts$/, ".js"));
      const sourceMs = statSync(join(root, "src", name)).mtimeMs;
      return bundled >= sourceMs && existsSync(built) && statSync(built).mtimeMs >= sourceMs;
    });
}

if (existsSync(join(root, "src")) && !isBuilt()) execFileSync("npm", ["run", "build"], { cwd: root, stdio: "inherit" });
