// Bundles dist/ into dist/bundle/: what the program loads to start, in few files. The commands and the workers are files of the same names;
// all that they share is in chunks/. Left out are native modules, and what only few commands load (oclif's own loading, terminal screens).
// `node scripts/bundle.mjs`, after tsc.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const target = join(dist, "bundle");
const WORKER = /(^|\/)[a-z-]+-worker\.js$/;
const EXTERNAL = /^(koffi|lz4-napi|@node-rs|@oclif|ink|react|react-devtools-core)(\/|$)/;

const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => !name.startsWith("bundle") && name.endsWith(".js"));
const entries = files.filter((name) => name === "cli/main.js" || name.startsWith("cli/commands/") || WORKER.test(name));

rmSync(target, { recursive: true, force: true });
const bundle = await rolldown({
  input: Object.fromEntries(entries.map((name) => [name.slice(0, -".js".length), join(dist, name)])),
  platform: "node",
  external: (id) => EXTERNAL.test(id),
  preserveEntrySignatures: "allow-extension",
  onLog(level, log) {
    if (level === "warn") throw new Error(`dist/bundle cannot be made: ${log.message}`);
  },
});
await bundle.write({
  dir: target,
  format: "esm",
  sourcemap: true,
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
  // Its own place says where the program is, so it must not become a part of an entry.
  codeSplitting: { groups: [{ name: "program-files", test: (/** @type {string} */ id) => id === join(dist, "base", "program-files.js") }] },
});
await bundle.close();
