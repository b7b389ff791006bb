// A large file as it was and as it is: five ways in which files change. From fixed seeds.

import { closeSync, copyFileSync, openSync, readSync, statSync, writeFileSync, writeSync } from "node:fs";
import { makeLargeFile } from "./tree-data.mjs";

/** @typedef {{ name: string; make: (was: string, is: string, bytes: number) => void }} Version */

const KiB = 1024;
const MiB = 1024 * KiB;

/** A small generator with a seed (mulberry32). */
export function randomNumbers(/** @type {number} */ seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, below: (/** @type {number} */ end) => Math.floor(next() * end) };
}

function randomBytes(/** @type {ReturnType<typeof randomNumbers>} */ random, /** @type {number} */ length) {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = random.below(256);
  return bytes;
}

function readAt(/** @type {string} */ path, /** @type {number} */ at, /** @type {number} */ length) {
  const fd = openSync(path, "r");
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, at);
  closeSync(fd);
  return bytes;
}

function writeAt(/** @type {string} */ path, /** @type {number} */ at, /** @type {Buffer} */ bytes) {
  const fd = openSync(path, "r+");
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

function append(/** @type {string} */ was, /** @type {string} */ is, /** @type {number} */ bytes) {
  makeLargeFile(was, bytes);
  copyFileSync(was, is);
  writeAt(is, bytes, randomBytes(randomNumbers(1), MiB + 12_345));
}

function insert(/** @type {string} */ was, /** @type {string} */ is, /** @type {number} */ bytes) {
  makeLargeFile(was, bytes);
  const fd = openSync(is, "w");
  writeSync(fd, randomBytes(randomNumbers(2), 100_001));
  for (let at = 0; at < bytes; at += MiB) writeSync(fd, readAt(was, at, MiB));
  closeSync(fd);
}

function overwrite(/** @type {string} */ was, /** @type {string} */ is, /** @type {number} */ bytes) {
  const random = randomNumbers(3);
  makeLargeFile(was, bytes);
  copyFileSync(was, is);
  for (let n = 0; n < bytes / MiB; n++) writeAt(is, random.below(bytes / 4096) * 4096, randomBytes(random, 4096));
}

/** A text dump of a table. In the later one, rows of the middle half are changed, new, or gone. */
function dump(/** @type {string} */ was, /** @type {string} */ is, /** @type {number} */ bytes) {
  const random = randomNumbers(4);
  const row = (/** @type {number} */ id) =>
    `INSERT INTO "orders" VALUES (${id}, '${random.next().toString(36).slice(2)}', ${random.below(1e9)}, NULL, 'open');\n`;
  const files = [was, is].map((path) => openSync(path, "w"));
  const every = (256 * KiB) / 80;
  for (let id = 0, written = 0; written < bytes; ) {
    /** @type {string[]} */
    const before = [];
    /** @type {string[]} */
    const after = [];
    for (let n = 0; n < 10_000; n++, id++) {
      const text = row(id);
      before.push(text);
      const isMiddle = written > bytes / 4 && written < (bytes * 3) / 4;
      const deed = isMiddle && random.next() < 2 / every ? random.below(3) : -1;
      if (deed === 0) after.push(text.replace("open", "paid"));
      else if (deed === 1) after.push(text, row(id + 1e8), row(id + 1e8));
      else if (deed === -1) after.push(text);
    }
    const texts = [before.join(""), after.join("")];
    files.forEach((fd, at) => void writeSync(fd, texts[at] ?? ""));
    written += texts[0]?.length ?? 0;
  }
  for (const fd of files) closeSync(fd);
}

/** A disk whose files moved: extents of 4 KiB to 1 MiB changed places, and some blocks are new. */
function image(/** @type {string} */ was, /** @type {string} */ is, /** @type {number} */ bytes) {
  const random = randomNumbers(5);
  makeLargeFile(was, bytes);
  copyFileSync(was, is);
  for (let n = 0; n < bytes / (4 * MiB); n++) {
    const length = 4 * KiB * 2 ** random.below(9);
    const [a = 0, b = 0] = [0, 0].map(() => random.below((bytes - length) / 4096) * 4096);
    const [one, two] = [readAt(is, a, length), readAt(is, b, length)];
    writeAt(is, a, two);
    writeAt(is, b, one);
    writeAt(is, random.below(bytes / 4096 - 4) * 4096, randomBytes(random, 16 * KiB));
  }
}

/** @type {readonly Version[]} */
export const VERSIONS = [
  { name: "1 MiB appended", make: append },
  { name: "100 KB inserted at the front", make: insert },
  { name: "4 KiB overwritten in each MiB", make: overwrite },
  { name: "a new dump of a database", make: dump },
  { name: "an image whose blocks moved", make: image },
];

export function sizeOf(/** @type {string} */ path) {
  return statSync(path).size;
}

/** Touched so that it is older than the source's. */
export function keepOld(/** @type {string} */ from, /** @type {string} */ to) {
  writeFileSync(to, "");
  copyFileSync(from, to);
}
