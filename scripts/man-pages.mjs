// Writes the man pages, made from the definitions of the commands (built: dist/cli/) and from config/sm.yaml.
// `node scripts/man-pages.mjs [DIR]`: below dist/man, or DIR, as man1/ and man5/. Run before a package is made (prepack).

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { installedPages } = await import(new URL("../dist/cli/catalog/man-page.js", import.meta.url).href);
const directory = resolve(process.argv[2] ?? join(root, "dist", "man"));
/** @type {readonly { file: string; text: string }[]} */
const pages = await installedPages(root);
for (const section of ["man1", "man5"]) {
  // Pages of commands that are no more would stay.
  if (process.argv[2] === undefined) rmSync(join(directory, section), { recursive: true, force: true });
  mkdirSync(join(directory, section), { recursive: true });
}
for (const { file, text } of pages) writeFileSync(join(directory, `man${file.at(-1)}`, file), text);
console.log(`wrote ${pages.length} pages below ${directory}`);
