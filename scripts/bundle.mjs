// Bundles dist/ into dist/bundle/: what the program loads to start, in few files. The commands and the workers are files of the same names;
// all that they share is in chunks/. Left out are native modules, and what only few commands load (oclif's own loading, terminal screens).
// `node scripts/bundle.mjs`, after tsc.

import { readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const target = join(dist, "bundle");
const WORKER = /(^|\/)[a-z-]+-worker\.js$/;
const EXTERNAL = /^(ink|react|react-devtools-core|@oclif\/core\/run)(\/|$)/;
/** Asked for by libraries in what the program never does: run TypeScript, check by a schema of the framework. */
const NEVER = /^(typescript|ts-node|tsx|@fastify\/ajv-compiler|@fastify\/fast-json-stringify-compiler)(\/|$)/;
/** Left out as well, and CommonJS. */
const REQUIRED = /^(koffi|lz4-napi|@node-rs)(\/|$)/;
const require = createRequire(import.meta.url);

/** Loads CommonJS as such: an `import` of it looks for its exports by a parser in JavaScript first, in each thread once more. */
const requires = {
  name: "requires",
  resolveId: (/** @type {string} */ id) => (REQUIRED.test(id) && !EXTERNAL.test(id) ? `\0required:${id}` : null),
  load(/** @type {string} */ id) {
    if (!id.startsWith("\0required:")) return null;
    const name = id.slice("\0required:".length);
    const names = Object.keys(require(name)).filter((each) => /^[A-Za-z_$][\w$]*$/.test(each) && each !== "default");
    return [
      'import { createRequire } from "node:module";',
      `const loaded = createRequire(import.meta.url)(${JSON.stringify(name)});`,
      "export default loaded;",
      ...names.map((each, at) => `const loaded${at} = loaded.${each}; export { loaded${at} as ${each} };`),
    ].join("\n");
  },
};

const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => !name.startsWith("bundle") && name.endsWith(".js"));
const entries = files.filter((name) => name === "cli/main.js" || name.startsWith("cli/commands/") || WORKER.test(name));

rmSync(target, { recursive: true, force: true });
const bundle = await rolldown({
  input: Object.fromEntries(entries.map((name) => [name.slice(0, -".js".length), join(dist, name)])),
  platform: "node",
  external: (id) => EXTERNAL.test(id) || NEVER.test(id),
  plugins: [requires],
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
