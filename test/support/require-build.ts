import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Source files whose build, or the bundle of it, is missing or older than they are. */
export function listUnbuilt(root: string): string[] {
  const bundle = join(root, "dist", "bundle", "cli", "main.js");
  const bundledMs = existsSync(bundle) ? statSync(bundle).mtimeMs : Number.NEGATIVE_INFINITY;
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .filter((name) => {
      const built = join(root, "dist", name.replace(/\.ts$/, ".js"));
      const sourceMs = statSync(join(root, "src", name)).mtimeMs;
      return bundledMs < sourceMs || !existsSync(built) || statSync(built).mtimeMs < sourceMs;
    });
}

/** Real agents and worker threads run what is in dist/: testing another program than the one in src/ proves nothing. */
export function setup(project: TestProject): void {
  const unbuilt = listUnbuilt(ROOT);
  if (unbuilt.length === 0) return;
  const message = `dist/ is not the build of src/ (${unbuilt.length} files, first src/${unbuilt[0]}): run \`npm run build\``;
  if (["fault", "e2e", "soak"].includes(project.name)) throw new Error(message);
  console.warn(message);
}
