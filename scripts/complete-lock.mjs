// Adds to package-lock.json the optional packages of other platforms that a registry without them made npm leave out.
// `npm ci` refuses a lock that lacks them, on every machine; with them listed it skips what is not for its platform.
// `node scripts/complete-lock.mjs` after `npm install`; changes nothing when nothing is missing.

import { readFileSync, writeFileSync } from "node:fs";

/** @typedef {{ version?: string; dev?: boolean; optional?: boolean; os?: string[]; cpu?: string[]; libc?: string[]; optionalDependencies?: Record<string, string> }} LockEntry */

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "aix", "win32"];
const PROCESSORS = ["arm64", "arm", "x64", "ia32", "ppc64", "riscv64", "s390x", "loong64", "mips64el", "wasm32"];

/** What the name says of the platform: @biomejs/cli-linux-x64-musl → linux, x64, musl. */
function readPlatform(/** @type {string} */ name) {
  const words = name.split("/").at(-1)?.split(/[-_]/) ?? [];
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  const libc = words.includes("musl") ? "musl" : os === "linux" && words.some((word) => /^gnu/.test(word)) ? "glibc" : undefined;
  return { os, cpu, libc };
}

const path = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
/** @type {Record<string, LockEntry>} */
const packages = lock.packages;
const added = [];
for (const [place, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (packages[`node_modules/${name}`] !== undefined || packages[`${place}/node_modules/${name}`] !== undefined) continue;
    const { os, cpu, libc } = readPlatform(name);
    // Not for one platform only: npm left it out for another reason, which is not for this script to hide.
    if (os === undefined && cpu === undefined) continue;
    packages[`node_modules/${name}`] = {
      version: version.replace(/^[\^~]/, ""),
      ...(cpu === undefined ? {} : { cpu: [cpu] }),
      ...(entry.dev === true ? { dev: true } : {}),
      ...(libc === undefined ? {} : { libc: [libc] }),
      optional: true,
      ...(os === undefined ? {} : { os: [os] }),
    };
    added.push(name);
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
if (added.length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "package-lock.json is complete" : `added to package-lock.json:\n  ${added.join("\n  ")}`);
