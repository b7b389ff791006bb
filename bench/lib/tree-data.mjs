// The trees that are copied. Generated from fixed seeds: every run of every program sees the same bytes.

import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Bytes that do not compress and do not repeat. */
function fill(/** @type {Buffer} */ buffer, /** @type {number} */ seed) {
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let at = 0; at + 4 <= buffer.length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    buffer.writeUInt32LE(state >>> 0, at);
  }
  return buffer;
}

/** `count` files of `bytes` bytes, 100 in a directory, named after their number. Returns the number of names made. */
export function makeSmallFiles(/** @type {string} */ root, /** @type {number} */ count, /** @type {number} */ bytes) {
  const buffer = Buffer.alloc(bytes);
  for (let at = 0; at < count; at++) {
    const directory = join(root, `d${String(Math.floor(at / 100)).padStart(5, "0")}`);
    if (at % 100 === 0) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${at}`), fill(buffer, at + 1));
  }
  return count + Math.ceil(count / 100);
}

export function makeLargeFile(/** @type {string} */ path, /** @type {number} */ bytes) {
  const chunk = Buffer.alloc(1024 * 1024);
  const fd = openSync(path, "w");
  for (let at = 0; at < bytes; at += chunk.length) writeSync(fd, fill(chunk, at / chunk.length + 7), 0, Math.min(chunk.length, bytes - at));
  closeSync(fd);
}

/**
 * Looks like a kernel source: directories three to six deep, sizes spread over four orders of magnitude with a median of
 * some KiB, text that repeats itself.
 */
export function makeSourceTree(/** @type {string} */ root, /** @type {number} */ count) {
  const words = Array.from({ length: 400 }, (_, at) => `${"static const struct inline unsigned return".split(" ")[at % 6]}_${(at * 7919).toString(36)} `);
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
  let directory = root;
  for (let at = 0; at < count; at++) {
    if (at % 14 === 0) {
      const depth = 2 + Math.floor(random() * 4);
      directory = join(root, ...Array.from({ length: depth }, (_, level) => `dir${Math.floor(random() * (level + 2) * 6)}`));
      mkdirSync(directory, { recursive: true });
    }
    const bytes = Math.floor(10 ** (2 + random() * 2.3 + (random() < 0.02 ? 1 : 0)));
    let text = "";
    while (text.length < bytes) text += words[Math.floor(random() * words.length)];
    writeFileSync(join(directory, `file-${at}.c`), text.slice(0, bytes));
  }
}

/** Unpacks Debian's linux-source package into `root`. Returns its version, or undefined when it is not to be had. */
export function unpackLinuxSource(/** @type {string} */ root, /** @type {string} */ workDirectory) {
  const scratch = mkdtempSync(join(workDirectory, "linux-source-"));
  try {
    const names = execFileSync("apt-cache", ["depends", "--important", "linux-source"], { encoding: "utf8" });
    const name = /Depends: (linux-source-\S+)/.exec(names)?.[1];
    if (name === undefined) return undefined;
    execFileSync("apt-get", ["download", "-q", name], { cwd: scratch, stdio: ["ignore", "ignore", "inherit"] });
    const deb = readdirSync(scratch).find((file) => file.endsWith(".deb"));
    if (deb === undefined) return undefined;
    execFileSync("dpkg-deb", ["-x", deb, "unpacked"], { cwd: scratch });
    const folder = join(scratch, "unpacked/usr/src");
    const archive = readdirSync(folder).find((file) => file.endsWith(".tar.xz"));
    if (archive === undefined) return undefined;
    execFileSync("tar", ["-xJf", join(folder, archive), "-C", root, "--strip-components=1"]);
    return deb.replace(/_all[.]deb$/, "").replaceAll("%3a", ":");
  } catch (error) {
    console.error(`linux-source is not to be had, a generated tree takes its place: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    return undefined;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

export function countTree(/** @type {string} */ root) {
  const lines = execFileSync("find", [root, "-xdev", "-type", "f", "-printf", "%s\n"], { encoding: "utf8", maxBuffer: 1 << 28 });
  const sizes = lines.split("\n").filter((line) => line !== "");
  return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + Number(size), 0) };
}

/** Reads everything once, so that both programs find the source in memory. */
export function warm(/** @type {string} */ root) {
  execFileSync("sh", ["-c", 'find "$1" -xdev -type f -print0 | xargs -0 -n 2000 cat >/dev/null', "sh", root]);
}
