// The mapped target directories. Opened anew for each set, so that an unmounted or replaced directory is noticed before
// anything is written into the wrong one; the identity seen first is kept in the state directory.

import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SmError, toSmError } from "../base/errors.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import { ConfinedRoot } from "../fs/confined-root.js";
import type { FileStat } from "../fs/native.js";
import { bytesFromText } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { Mapping } from "../model/connection-spec.js";

interface RootMark {
  readonly target: string;
  readonly boot: string;
  readonly dev: number;
  readonly ino: number;
  readonly btimeSec: number;
  readonly btimeNsec: number;
}

export class TargetRoots {
  readonly #mappings: readonly Mapping[];
  readonly #marksPath: string;
  readonly #boot: string;
  readonly #marks: Map<string, RootMark>;
  readonly #open = new Map<RootIndex, ConfinedRoot>();

  private constructor(mappings: readonly Mapping[], marksPath: string, boot: string, marks: Map<string, RootMark>) {
    this.#mappings = mappings;
    this.#marksPath = marksPath;
    this.#boot = boot;
    this.#marks = marks;
  }

  static load(stateDirectory: string, mappings: readonly Mapping[], boot: string): TargetRoots {
    const path = join(stateDirectory, "roots.json");
    return new TargetRoots(mappings, path, boot, new Map(readMarks(path).map((mark) => [mark.target, mark])));
  }

  get count(): number {
    return this.#mappings.length;
  }

  /** The open root; `openAll` must have been called for it. */
  get(root: RootIndex): ConfinedRoot {
    const confined = this.#open.get(root);
    if (confined === undefined) throw new SmError("ASSERTION_FAILED", `mapped root ${root} is not open`);
    return confined;
  }

  /** Opens and checks every root named, or none. */
  openAll(roots: Iterable<RootIndex>): void {
    try {
      for (const root of roots) if (!this.#open.has(root)) this.#open.set(root, this.#openOne(root));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The root if it is what was connected, to be closed by the caller; nothing is made or noted. Null: whoever opens it finds out why. */
  peek(index: RootIndex): ConfinedRoot | null {
    const mapping = this.#mappings[index];
    const mark = mapping && this.#marks.get(mapping.target);
    if (mapping === undefined || mark === undefined) return null;
    try {
      const root = openRoot(mapping.target);
      if (isSame(mark, root.stat(), this.#boot)) return root;
      root.close();
      return null;
    } catch (error) {
      if (error instanceof SmError) return null;
      throw error;
    }
  }

  close(): void {
    for (const root of this.#open.values()) root.close();
    this.#open.clear();
  }

  /** True for a directory that is itself the top of one of this connection's trees. */
  isTop(stat: FileStat): boolean {
    for (const mark of this.#marks.values()) if (mark.dev === stat.dev && mark.ino === stat.ino && mark.btimeSec === stat.btimeSec) return true;
    return false;
  }

  /** Every mapped root is absent or has no entry. */
  get isEmpty(): boolean {
    return this.#mappings.every(({ target }) => !existsSync(target) || readdirSync(target).length === 0);
  }

  #openOne(index: RootIndex): ConfinedRoot {
    const mapping = this.#mappings[index];
    if (mapping === undefined) throw new SmError("PROTOCOL", `mapped root ${index} does not exist: there are ${this.#mappings.length}`);
    const mark = this.#marks.get(mapping.target);
    if (mark === undefined) makeDirectory(mapping.target);
    const root = openRoot(mapping.target);
    try {
      const stat = root.stat();
      if (mark !== undefined && !isSame(mark, stat, this.#boot)) {
        throw new SmError(
          "ROOT_CHANGED",
          `the target directory ${mapping.target} is not the one that was connected: it was replaced, or its file system is not mounted`,
        );
      }
      if (mark === undefined || mark.boot !== this.#boot) this.#save(mapping.target, stat);
      return root;
    } catch (error) {
      root.close();
      throw error;
    }
  }

  #save(target: string, stat: FileStat): void {
    this.#marks.set(target, { target, boot: this.#boot, dev: stat.dev, ino: stat.ino, btimeSec: stat.btimeSec, btimeNsec: stat.btimeNsec });
    writeFileAtomic(this.#marksPath, JSON.stringify([...this.#marks.values()]));
  }
}

/** Device numbers may change with a reboot; inode and birth time do not. */
function isSame(mark: RootMark, stat: FileStat, boot: string): boolean {
  const sameInode = mark.ino === stat.ino && mark.btimeSec === stat.btimeSec && mark.btimeNsec === stat.btimeNsec;
  return sameInode && (mark.boot !== boot || mark.dev === stat.dev);
}

function makeDirectory(target: string): void {
  try {
    mkdirSync(target, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw toSmError(error, "ROOT_MISSING", `cannot make the target directory ${target}`);
  }
}

function openRoot(target: string): ConfinedRoot {
  try {
    return ConfinedRoot.open(bytesFromText(target));
  } catch (error) {
    throw new SmError("ROOT_MISSING", `the target directory ${target} is not there`, { cause: error });
  }
}

function readMarks(path: string): readonly RootMark[] {
  if (!existsSync(path)) return [];
  try {
    return JSON.parse(readFileSync(path, "utf8")) as RootMark[];
  } catch (error) {
    throw new SmError("STATE_CORRUPT", `${path} cannot be read`, { cause: error });
  }
}
