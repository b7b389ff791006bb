// Random operations on a tree, the same for the same seed. Every operation succeeds when they are executed in order on a
// tree that nobody else changes.

import type { Operation } from "./fs-driver.js";
import { SeededRandom } from "./seeded-random.js";
import { isAtOrBelow, parentOf, TreeModel } from "./tree-model.js";

export interface RandomOperationsOptions {
  readonly seed: number;
  /** Also changes owners and makes device nodes. */
  readonly privileged?: boolean;
  readonly fileBytesMax?: number;
  /** Beyond this many names the generator rather removes. */
  readonly entriesMax?: number;
}

type Maker = (this: RandomOperations) => Operation[];

const PATH_BYTES_MAX = 3_000;
/** What xfs takes. */
const LINK_BYTES_MAX = 1_000;
const BLOCK = 4096;
/** 2001…2033, as times of files that were restored or copied have. */
const TIME_MIN_S = 1_000_000_000;
const TIME_MAX_S = 2_000_000_000;

export class RandomOperations {
  readonly #random: SeededRandom;
  readonly #model = new TreeModel();
  readonly #privileged: boolean;
  readonly #fileBytesMax: number;
  readonly #entriesMax: number;
  #serial = 0;

  constructor(options: RandomOperationsOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#privileged = options.privileged ?? process.getuid?.() === 0;
    this.#fileBytesMax = options.fileBytesMax ?? 200_000;
    this.#entriesMax = options.entriesMax ?? 400;
  }

  /** At least `count` operations: what belongs together (swaps, delete and recreate) is not split. */
  take(count: number): Operation[] {
    const operations: Operation[] = [];
    while (operations.length < count) operations.push(...this.#nextStep());
    return operations;
  }

  #nextStep(): Operation[] {
    if (this.#model.size > this.#entriesMax) return this.#remove();
    for (let attempt = 0; attempt < 20; attempt++) {
      const made = this.#random.pick(MAKERS).call(this);
      if (made.length > 0) return made;
    }
    return this.create();
  }

  #content(maxBytes: number): { readonly seed: number; readonly length: number } {
    return { seed: this.#random.integer(1, 2 ** 31), length: this.#random.integer(0, maxBytes) };
  }

  #name(): string {
    this.#serial += 1;
    const unique = this.#serial.toString(36);
    const forms: readonly (() => string)[] = [
      () => `f${unique}`,
      () => `f${unique}.txt`,
      () => `with space ${unique} `,
      () => `-rf${unique}`,
      () => `new\nline${unique}`,
      () => `\xff\xfe\x80${unique}`,
      () => Buffer.from(`größe-漢字-${unique}`, "utf8").toString("latin1"),
      () => `*?[${unique}]{a,b}!\\`,
      () => `.${unique}`,
      () => `${unique}${"n".repeat(255 - unique.length)}`,
      () => `"'$(x);|&<>\x01\x7f${unique}`,
    ];
    return (this.#random.chance(0.5) ? (forms[0] ?? this.#random.pick(forms)) : this.#random.pick(forms))();
  }

  #directory(): string {
    const directories = ["", ...this.#model.list("directory")];
    return this.#random.pick(directories);
  }

  /** A name that is not taken, in a directory outside of `avoid`. */
  #freePath(avoid?: string): string {
    for (;;) {
      const directory = this.#directory();
      if (avoid !== undefined && isAtOrBelow(directory, avoid)) continue;
      const path = directory === "" ? this.#name() : `${directory}/${this.#name()}`;
      if (path.length < PATH_BYTES_MAX && this.#model.kind(path) === undefined) return path;
    }
  }

  /** An existing path, or undefined. */
  #any(kind?: "file" | "directory" | "symlink"): string | undefined {
    const paths = this.#model.list(kind);
    return paths.length === 0 ? undefined : this.#random.pick(paths);
  }

  #fits(from: string, to: string): boolean {
    return this.#model.deepest(from) - from.length + to.length < PATH_BYTES_MAX;
  }

  create(): Operation[] {
    const path = this.#freePath();
    this.#model.add(path, "file");
    return [{ kind: "create", path, mode: this.#random.pick([0o644, 0o600, 0o755, 0o664]), ...this.#content(this.#fileBytesMax) }];
  }

  write(): Operation[] {
    const path = this.#any("file");
    if (path === undefined) return [];
    const offset = this.#random.integer(0, this.#fileBytesMax);
    return [{ kind: this.#random.pick(["write", "mmapWrite", "editInDisguise"] as const), path, offset, ...this.#content(3 * BLOCK) }];
  }

  writeSparse(): Operation[] {
    const path = this.#any("file");
    if (path === undefined) return [];
    if (this.#random.chance(0.5)) return [{ kind: "write", path, offset: this.#random.integer(1, 16) * 1_048_576, ...this.#content(BLOCK) }];
    return [{ kind: "punch", path, offset: this.#random.integer(0, 20) * BLOCK, length: this.#random.integer(1, 8) * BLOCK }];
  }

  append(): Operation[] {
    const path = this.#any("file");
    return path === undefined ? [] : [{ kind: "append", path, ...this.#content(2 * BLOCK) }];
  }

  truncate(): Operation[] {
    const path = this.#any("file");
    return path === undefined ? [] : [{ kind: "truncate", path, size: this.#random.integer(0, 2 * this.#fileBytesMax) }];
  }

  rename(): Operation[] {
    const path = this.#any();
    if (path === undefined) return [];
    const to = this.#freePath(path);
    if (!this.#fits(path, to)) return [];
    this.#model.move(path, to);
    return [{ kind: "rename", path, to }];
  }

  renameOver(): Operation[] {
    const path = this.#any("file");
    const to = this.#any("file");
    if (path === undefined || to === undefined || path === to) return [];
    // Two names of one file stay both when one is renamed over the other; the fresh file beneath makes them two files.
    this.#model.move(path, to);
    return [
      { kind: "unlink", path },
      { kind: "create", path, ...this.#content(BLOCK) },
      { kind: "rename", path, to },
    ];
  }

  renameDirectoryOver(): Operation[] {
    const path = this.#any("directory");
    const to = this.#model
      .list("directory")
      .find((other) => this.#model.isEmpty(other) && path !== undefined && !isAtOrBelow(other, path) && !isAtOrBelow(path, other));
    if (path === undefined || to === undefined || !this.#fits(path, to)) return [];
    this.#model.move(path, to);
    return [{ kind: "rename", path, to }];
  }

  /** a → temporary, b → a, temporary → b. */
  swap(): Operation[] {
    const pair = this.#exchangeable();
    if (pair === undefined) return [];
    const [a, b] = pair;
    const between = this.#freePath(a);
    if (isAtOrBelow(between, b) || !this.#fits(a, between)) return [];
    this.#model.exchange(a, b);
    return [
      { kind: "rename", path: a, to: between },
      { kind: "rename", path: b, to: a },
      { kind: "rename", path: between, to: b },
    ];
  }

  exchange(): Operation[] {
    const pair = this.#exchangeable();
    if (pair === undefined) return [];
    this.#model.exchange(...pair);
    return [{ kind: "exchange", path: pair[0], to: pair[1] }];
  }

  #exchangeable(): readonly [string, string] | undefined {
    const a = this.#any();
    const b = this.#any();
    if (a === undefined || b === undefined || isAtOrBelow(a, b) || isAtOrBelow(b, a)) return undefined;
    return this.#fits(a, b) && this.#fits(b, a) ? [a, b] : undefined;
  }

  renameChain(): Operation[] {
    const steps = this.#random.integer(2, 5);
    return Array.from({ length: steps }, () => this.rename()).flat();
  }

  link(): Operation[] {
    const path = this.#any("file");
    if (path === undefined) return [];
    const to = this.#freePath();
    this.#model.add(to, "file");
    return [{ kind: "link", path, to }];
  }

  symlink(): Operation[] {
    const path = this.#freePath();
    this.#model.add(path, "symlink");
    const target = this.#random.pick([() => this.#any() ?? ".", () => "../nowhere", () => "/etc/hostname", () => "\xff\n", () => "x".repeat(LINK_BYTES_MAX)])();
    return [{ kind: "symlink", path, target: target.slice(0, LINK_BYTES_MAX) }];
  }

  special(): Operation[] {
    const path = this.#freePath();
    this.#model.add(path, "special");
    if (!this.#privileged || this.#random.chance(0.5)) return [{ kind: "fifo", path }];
    return [{ kind: this.#random.pick(["character", "block"] as const), path, major: this.#random.integer(1, 300), minor: this.#random.integer(0, 70_000) }];
  }

  chmod(): Operation[] {
    const path = this.#any(this.#random.pick(["file", "directory"] as const));
    if (path === undefined) return [];
    const modes = this.#model.kind(path) === "directory" ? [0o755, 0o700, 0o775, 0o1777, 0o2750] : [0o644, 0o4755, 0o2711, 0o600];
    // Only root still writes to what nobody may write.
    return [{ kind: "chmod", path, mode: this.#random.pick(this.#privileged ? [...modes, 0o400, 0] : modes) }];
  }

  chown(): Operation[] {
    const path = this.#any();
    if (path === undefined || !this.#privileged) return [];
    return [{ kind: "chown", path, uid: this.#random.integer(0, 70_000), gid: this.#random.integer(0, 70_000) }];
  }

  times(): Operation[] {
    const path = this.#any();
    if (path === undefined) return [];
    const seconds = BigInt(this.#random.integer(TIME_MIN_S, TIME_MAX_S));
    const mtimeNs = seconds * 1_000_000_000n + BigInt(this.#random.integer(0, 999_999_999));
    return [{ kind: "times", path, mtimeNs, ...(mtimeNs % 2n === 0n ? { atimeNs: mtimeNs } : {}) }];
  }

  setXattr(): Operation[] {
    const path = this.#any(this.#random.pick(["file", "directory"] as const));
    if (path === undefined) return [];
    const name = `user.sm-${this.#random.integer(1, 3)}`;
    const set: Operation = { kind: "setXattr", path, name, value: `\x00\xff${"v".repeat(this.#random.integer(0, 200))}` };
    // Set first, so that there is one to remove whatever the file had before.
    return this.#random.chance(0.3) ? [set, { kind: "removeXattr", path, name }] : [set];
  }

  mkdir(): Operation[] {
    let path = this.#freePath();
    const operations: Operation[] = [];
    for (let depth = this.#random.integer(1, 4); depth > 0 && path.length < PATH_BYTES_MAX; depth--) {
      this.#model.add(path, "directory");
      operations.push({ kind: "mkdir", path });
      path = `${path}/${this.#name()}`;
    }
    return operations;
  }

  recreate(): Operation[] {
    const path = this.#any("file");
    if (path === undefined) return [];
    return [
      { kind: "unlink", path },
      { kind: "create", path, ...this.#content(this.#fileBytesMax) },
    ];
  }

  /** The name stays, what it names becomes another kind of thing. */
  replaceKind(): Operation[] {
    const path = this.#any();
    if (path === undefined) return [];
    const kind = this.#random.pick(["directory", "file", "symlink"] as const);
    this.#model.remove(path);
    this.#model.add(path, kind);
    const made: Record<typeof kind, Operation> = {
      directory: { kind: "mkdir", path },
      file: { kind: "create", path, ...this.#content(BLOCK) },
      symlink: { kind: "symlink", path, target: parentOf(path).slice(0, LINK_BYTES_MAX) },
    };
    if (kind === "symlink" && parentOf(path) === "") made.symlink = { kind: "symlink", path, target: "." };
    return [{ kind: "removeTree", path }, made[kind]];
  }

  removeOne(): Operation[] {
    return this.#random.chance(0.4) ? this.#remove() : [];
  }

  #remove(): Operation[] {
    const path = this.#any();
    if (path === undefined) return this.create();
    this.#model.remove(path);
    return [{ kind: "removeTree", path }];
  }
}

const PROTOTYPE = RandomOperations.prototype;

/** Drawn evenly: what is listed twice comes twice as often. */
const MAKERS: readonly Maker[] = [
  PROTOTYPE.create,
  PROTOTYPE.create,
  PROTOTYPE.create,
  PROTOTYPE.write,
  PROTOTYPE.write,
  PROTOTYPE.write,
  PROTOTYPE.writeSparse,
  PROTOTYPE.append,
  PROTOTYPE.append,
  PROTOTYPE.truncate,
  PROTOTYPE.rename,
  PROTOTYPE.rename,
  PROTOTYPE.renameOver,
  PROTOTYPE.renameDirectoryOver,
  PROTOTYPE.swap,
  PROTOTYPE.exchange,
  PROTOTYPE.renameChain,
  PROTOTYPE.link,
  PROTOTYPE.symlink,
  PROTOTYPE.special,
  PROTOTYPE.chmod,
  PROTOTYPE.chown,
  PROTOTYPE.times,
  PROTOTYPE.setXattr,
  PROTOTYPE.mkdir,
  PROTOTYPE.recreate,
  PROTOTYPE.replaceKind,
  PROTOTYPE.removeOne,
];
