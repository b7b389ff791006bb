// A tree in which nothing but content tells one thing from another: every directory holds the same names, and every file has the
// same size and the same modification time. What is mistaken for another one shows.

import { linkSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SeededRandom } from "./seeded-random.js";

const MTIME_S = 1_500_000_000;
const NAMES = ["x", "y", "z"];
const PLACES = ["a", "b", "c"];
const DIRECTORIES_MAX = 60;

export class TwinTree {
  readonly #root: string;
  readonly #random: SeededRandom;
  #serial = 0;

  constructor(root: string, seed: number) {
    this.#root = root;
    this.#random = new SeededRandom(seed);
  }

  plant(): void {
    mkdirSync(this.#root, { recursive: true });
    for (const one of PLACES) {
      this.#fill(join(this.#root, one));
      for (const two of PLACES) this.#fill(join(this.#root, one, two));
    }
  }

  change(count: number): void {
    for (let i = 0; i < count; i++) this.#random.pick([...DEEDS]).call(this);
    this.#settleTimes();
  }

  #fill(path: string): void {
    mkdirSync(path, { recursive: true });
    for (const name of NAMES) this.write(join(path, name));
  }

  write(path: string): void {
    this.#serial += 1;
    writeFileSync(path, `${this.#serial}`.padStart(16, "."));
    utimesSync(path, MTIME_S, MTIME_S);
  }

  /** Directories look alike as well. */
  #settleTimes(): void {
    for (const path of this.#all("dir")) utimesSync(path, MTIME_S, MTIME_S);
  }

  #all(type: "dir" | "file"): string[] {
    return readdirSync(this.#root, { recursive: true, withFileTypes: true })
      .filter((entry) => (type === "dir" ? entry.isDirectory() : entry.isFile()))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  }

  #pick(type: "dir" | "file"): string | undefined {
    const all = this.#all(type);
    return all.length === 0 ? undefined : this.#random.pick(all);
  }

  edit(): void {
    const path = this.#pick("file");
    if (path !== undefined) this.write(path);
  }

  swap(type: "dir" | "file"): void {
    const [one, two] = [this.#pick(type), this.#pick(type)];
    if (one === undefined || two === undefined || isWithin(one, two) || isWithin(two, one)) return;
    const aside = join(this.#root, "aside");
    renameSync(one, aside);
    renameSync(two, one);
    renameSync(aside, two);
  }

  move(): void {
    const from = this.#pick("dir");
    const to = this.#random.chance(0.2) ? this.#root : this.#pick("dir");
    if (from === undefined || to === undefined || isWithin(to, from)) return;
    const path = join(to, this.#random.pick([...PLACES, "d", "e"]));
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
    renameSync(from, path);
  }

  /** Another directory in its place. */
  replace(): void {
    const path = this.#pick("dir");
    if (path === undefined) return;
    rmSync(path, { recursive: true });
    this.#fill(path);
  }

  make(): void {
    const path = this.#pick("dir") ?? this.#root;
    if (this.#all("dir").length < DIRECTORIES_MAX) this.#fill(join(path, this.#random.pick([...PLACES, "d", "e"])));
  }

  remove(): void {
    const path = this.#pick(this.#random.chance(0.3) ? "dir" : "file");
    if (path !== undefined) rmSync(path, { recursive: true });
  }

  renameFile(): void {
    const [from, to] = [this.#pick("file"), this.#pick("file")];
    if (from !== undefined && to !== undefined) renameSync(from, this.#random.chance(0.5) ? to : join(dirname(to), "w"));
  }

  link(): void {
    const [from, to] = [this.#pick("file"), this.#pick("file")];
    if (from === undefined || to === undefined || from === to) return;
    rmSync(to);
    linkSync(from, to);
  }

  static readonly deeds = [
    TwinTree.prototype.edit,
    TwinTree.prototype.edit,
    TwinTree.prototype.move,
    TwinTree.prototype.replace,
    TwinTree.prototype.make,
    TwinTree.prototype.remove,
    TwinTree.prototype.renameFile,
    TwinTree.prototype.link,
    function swapFiles(this: TwinTree): void {
      this.swap("file");
    },
    function swapDirectories(this: TwinTree): void {
      this.swap("dir");
    },
    function swapDirectories(this: TwinTree): void {
      this.swap("dir");
    },
  ] as const;
}

const DEEDS = TwinTree.deeds;

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
