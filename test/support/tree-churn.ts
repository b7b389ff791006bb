// What a checkout of another version does to a tree, again and again: many files replaced (unlinked and made anew, with new
// times), removed, made and moved at once, all over the tree; and in between edits in place, as programs do them.

import fs from "node:fs";
import { join } from "node:path";
import { SeededRandom } from "./seeded-random.js";

const FILES_PER_DIRECTORY = 12;
const POOL_BYTES = 1 << 20;
/** Deeds before other work of the process gets a turn. */
const DEEDS_PER_TURN = 50;

export interface ChurnCounts {
  checkouts: number;
  replaced: number;
  removed: number;
  made: number;
  moved: number;
  edited: number;
  directories: number;
}

export class TreeChurn {
  readonly root: string;
  readonly counts: ChurnCounts = { checkouts: 0, replaced: 0, removed: 0, made: 0, moved: 0, edited: 0, directories: 0 };
  readonly #random: SeededRandom;
  readonly #pool = Buffer.alloc(POOL_BYTES);
  #directories: string[] = [""];
  #files: string[] = [];
  #names = 0;
  #filesAtRest = 0;

  constructor(root: string, seed: number) {
    this.root = root;
    this.#random = new SeededRandom(seed);
    for (let at = 0; at < POOL_BYTES; at += 4) this.#pool.writeUInt32LE(this.#random.integer(0, 0xffff_ffff), at);
  }

  get files(): number {
    return this.#files.length;
  }

  /** Takes what is below the root as it is. */
  adopt(): void {
    for (const entry of fs.readdirSync(this.root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name).slice(this.root.length + 1);
      if (entry.isDirectory()) this.#directories.push(path);
      else if (entry.isFile()) this.#files.push(path);
    }
    this.#filesAtRest = this.#files.length;
  }

  generate(files: number): void {
    this.#filesAtRest = files;
    while (this.#files.length < files) {
      const directory = this.#makeDirectory();
      for (let i = 0; i < FILES_PER_DIRECTORY && this.#files.length < files; i++) this.#makeFile(directory);
    }
  }

  /** Another version, about as large: some share of all files is touched, hundreds to thousands of them in a large tree. */
  async checkout(): Promise<void> {
    const deeds = Math.max(20, Math.floor(this.#files.length * (0.005 + 0.045 * this.#random.next())));
    this.#removeDirectory();
    for (let i = 0; i < 3; i++) this.#makeDirectory();
    this.#moveDirectory();
    for (let i = 0; i < deeds; i++) {
      this.#touchOne();
      if (i % DEEDS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.generate(this.#filesAtRest);
    this.counts.checkouts += 1;
  }

  #touchOne(): void {
    const dice = this.#random.next();
    if (dice < 0.65) this.#replace();
    else if (dice < 0.75) this.#remove();
    else if (dice < 0.84) this.#makeFile(this.#random.pick(this.#directories));
    else if (dice < 0.9) this.#move();
    else this.#edit();
  }

  #path(name: string): string {
    return join(this.root, name);
  }

  #newName(directory: string, suffix: string): string {
    this.#names += 1;
    return join(directory, `${this.#random.integer(0, 0xffff).toString(16)}-${this.#names}${suffix}`);
  }

  /** Mostly small, seldom large. */
  #content(): Buffer {
    const dice = this.#random.next();
    const length = this.#random.integer(0, dice < 0.9 ? 8_000 : dice < 0.995 ? 40_000 : 400_000);
    const from = this.#random.integer(0, POOL_BYTES - length);
    return this.#pool.subarray(from, from + length);
  }

  #makeFile(directory: string): void {
    const name = this.#newName(directory, ".c");
    fs.writeFileSync(this.#path(name), this.#content(), { flag: "wx", mode: this.#random.chance(0.1) ? 0o755 : 0o644 });
    this.#files.push(name);
    this.counts.made += 1;
  }

  #replace(): void {
    if (this.#files.length === 0) return;
    const path = this.#path(this.#random.pick(this.#files));
    const { mode } = fs.lstatSync(path);
    fs.unlinkSync(path);
    fs.writeFileSync(path, this.#content(), { flag: "wx", mode: mode & 0o777 });
    this.counts.replaced += 1;
  }

  /** A file that goes leaves its place in the list to the last one. */
  #take(): string | undefined {
    const index = this.#random.integer(0, this.#files.length - 1);
    const last = this.#files.pop();
    if (last === undefined || index === this.#files.length) return last;
    const taken = this.#files[index];
    this.#files[index] = last;
    return taken;
  }

  #remove(): void {
    const name = this.#take();
    if (name === undefined) return;
    fs.unlinkSync(this.#path(name));
    this.counts.removed += 1;
  }

  #move(): void {
    const name = this.#take();
    if (name === undefined) return;
    const to = this.#newName(this.#random.pick(this.#directories), ".c");
    fs.renameSync(this.#path(name), this.#path(to));
    this.#files.push(to);
    this.counts.moved += 1;
  }

  #edit(): void {
    if (this.#files.length === 0) return;
    const path = this.#path(this.#random.pick(this.#files));
    const fd = fs.openSync(path, "r+");
    const { size, mode } = fs.fstatSync(fd);
    const dice = this.#random.next();
    if (dice < 0.4) fs.writeSync(fd, this.#content().subarray(0, 1000), 0, undefined, size);
    else if (dice < 0.7) fs.writeSync(fd, this.#content().subarray(0, 1000), 0, undefined, this.#random.integer(0, size));
    else if (dice < 0.85) fs.ftruncateSync(fd, this.#random.integer(0, size));
    else fs.fchmodSync(fd, (mode ^ 0o111) & 0o777);
    fs.closeSync(fd);
    this.counts.edited += 1;
  }

  #makeDirectory(): string {
    const name = this.#newName(this.#random.pick(this.#directories), "");
    if (name.split("/").length > 8) return this.#random.pick(this.#directories);
    fs.mkdirSync(this.#path(name));
    this.#directories.push(name);
    this.counts.directories += 1;
    return name;
  }

  /** One that holds no large part of the tree, or null. */
  #smallDirectory(): string | null {
    const directory = this.#random.pick(this.#directories);
    const held = this.#files.filter((name) => name.startsWith(`${directory}/`)).length;
    return directory === "" || held > Math.max(50, this.#files.length / 50) ? null : directory;
  }

  #removeDirectory(): void {
    const directory = this.#smallDirectory();
    if (directory === null) return;
    fs.rmSync(this.#path(directory), { recursive: true });
    const stays = (name: string): boolean => name !== directory && !name.startsWith(`${directory}/`);
    this.counts.removed += this.#files.length;
    this.#files = this.#files.filter(stays);
    this.counts.removed -= this.#files.length;
    this.#directories = this.#directories.filter(stays);
    this.counts.directories += 1;
  }

  #moveDirectory(): void {
    const directory = this.#smallDirectory();
    const into = this.#random.pick(this.#directories);
    if (directory === null || into === directory || into.startsWith(`${directory}/`)) return;
    const to = this.#newName(into, "");
    fs.renameSync(this.#path(directory), this.#path(to));
    const moved = (name: string): string => (name === directory || name.startsWith(`${directory}/`) ? `${to}${name.slice(directory.length)}` : name);
    this.#files = this.#files.map(moved);
    this.#directories = this.#directories.map(moved);
    this.counts.moved += 1;
  }
}
