// Writes docs/cli.md from the definitions of the commands (built: dist/cli/).
// `node scripts/cli-doc.mjs` writes the file, with --print to standard output; test/unit/cli-catalog.test.ts compares.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { loadCatalog } = await import(new URL("../dist/cli/catalog/catalog.js", import.meta.url).href);
const { markdownPage } = await import(new URL("../dist/cli/catalog/markdown-page.js", import.meta.url).href);
const page = markdownPage(await loadCatalog(root));
if (process.argv.includes("--print")) {
  process.stdout.write(page);
} else {
  const path = fileURLToPath(new URL("../docs/cli.md", import.meta.url));
  writeFileSync(path, page);
  console.log(`wrote ${path}`);
}
