import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Source files whose build is missing or older than they are. */
export function listUnbuilt(root: string): string[] {
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .filter((name) => {
      const built = join(root, "dist", name.replace(/\.ts$/, ".js"));
      return !existsSync(built) || statSync(built).mtimeMs < statSync(join(root, "src", name)).mtimeMs;
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
