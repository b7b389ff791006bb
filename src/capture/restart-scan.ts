// What a restart of the agent costs: the metadata of the tree, which the source reads in any case. While the agent runs it takes
// marks: moments at which all that had happened was told. After a restart the tree says by its ctimes, and the directory book by
// what it knew, where something may have happened behind a mark (ADR 0026).

import { readFileSync, realpathSync } from "node:fs";
import { xxh64 } from "@node-rs/xxhash";
import { bootTimeMs } from "../fs/clock-reading.js";
import { readMountTable } from "../fs/mount-table.js";
import { fileSystemOf } from "../fs/native.js";
import { bytesFromText, ROOT_PATH } from "../model/byte-path.js";
import type { CleanMark } from "../model/clean-mark.js";
import type { DirtyPlace } from "../model/dirty-place.js";
import { type DirectoryBook, idOf } from "./directory-book.js";
import type { LiveContent } from "./live-content.js";
import type { RootTree } from "./root-tree.js";
import type { SourceEngine } from "./source-engine.js";

export interface RestartScanOptions {
  readonly engine: Pick<SourceEngine, "trees" | "live" | "isSettled">;
  readonly book: DirectoryBook;
  /** Null: nobody tells what is written, and what is mapped. */
  readonly content: Pick<LiveContent, "hotFiles"> | null;
  /** Roots and rules, in any form that differs when they do. */
  readonly set: string;
  /** Default: what the way of capture asks for. */
  readonly slackMs?: number;
}

/** With ranges: files that are mapped without a call are found as late as that, and half as much. */
const SLACK_WITH_RANGES_MS = 45_000;
const SLACK_MS_MIN = 60_000;
const HOT_FILES_MAX = 2000;
/** Numbers from here on are of one mount for ever (Linux 6.8). */
const UNIQUE_MOUNTS_FROM = 2 ** 31;
/** Far above what two readings differ by, far below what anybody sets a clock by twice and meets. */
const CLOCK_TOLERANCE_MS = 0.1;
/** Where a rename, an exchange of names too, changes the ctime of what is renamed: ext4, btrfs. */
const FILE_SYSTEMS: ReadonlySet<number> = new Set([0xef53, 0x9123683e]);

export class RestartScan {
  readonly #options: RestartScanOptions;
  readonly #bootId = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  readonly #set: string;
  readonly #slackMs: number;

  constructor(options: RestartScanOptions) {
    this.#options = options;
    this.#set = xxh64(Buffer.from(options.set)).toString(16);
    this.#slackMs = options.slackMs ?? (options.content === null ? slackWithoutRanges() : SLACK_WITH_RANGES_MS);
  }

  /** False: a scan could not tell what changes from now on. To be asked now and then. */
  get isFit(): boolean {
    return this.#options.book.mark !== null && this.#unfitness() === null;
  }

  /** Of now, as long as it is fit; null: not just now. Between passes only. */
  mark(): CleanMark | null {
    const { engine, book, content } = this.#options;
    // Before the look at what waits: what happens behind it has a later ctime.
    const nowMs = Date.now();
    if (!engine.isSettled) return null;
    book.flush();
    const { mark } = book;
    if (mark === null) return null;
    const hot = content?.hotFiles() ?? [];
    if (hot.length > HOT_FILES_MAX) return null;
    return {
      untilMs: nowMs - this.#slackMs,
      bootId: this.#bootId,
      bootTimeMs: bootTimeMs(),
      set: this.#set,
      mounts: engine.trees.map((tree) => tree.mount),
      book: mark,
      hot,
    };
  }

  /** Why a mark, one of now or of an earlier run of the agent, says nothing; null = it does. */
  #unfitness(mark?: CleanMark): string | null {
    const { trees, live } = this.#options.engine;
    if (!live.isExact) return "changes are not told exactly by this way of capture";
    for (const tree of trees) {
      const fileSystem = fileSystemOf(tree.path);
      if (typeof fileSystem === "number" || !FILE_SYSTEMS.has(fileSystem.magic)) return "the file system is none whose times tell of every change";
      if (tree.table.root.inode.btimeSec === 0) return "the file system keeps no birth times";
      if (tree.mount < UNIQUE_MOUNTS_FROM) return "the kernel does not tell mounts apart";
      if (hasMountsBelow(tree)) return "other file systems are mounted below a source";
    }
    return mark === undefined ? null : this.#changeSince(mark);
  }

  #changeSince(mark: CleanMark): string | null {
    const { trees } = this.#options.engine;
    if (mark.bootId !== this.#bootId) return "the machine was restarted as well";
    // Set back and forth again it shows nothing but what the two did not have in common.
    if (Math.abs(bootTimeMs() - mark.bootTimeMs) > CLOCK_TOLERANCE_MS || mark.untilMs > Date.now()) return "the clock was set";
    if (mark.set !== this.#set) return "the replication set is another one";
    if (trees.some(({ mount }, index) => mount !== mark.mounts[index])) return "a source was mounted anew";
    return null;
  }

  /** Where the tree may differ from what it was at the mark. A reason: anywhere. The tree is as the table knows it. */
  placesSince(mark: CleanMark): Iterable<DirtyPlace> | string {
    const { engine, book } = this.#options;
    const why = this.#unfitness(mark);
    if (why !== null) return why;
    const moved = book.movedSince(mark.book);
    if (moved === null) return "it is not known which directories moved";
    if (engine.trees.some(hasOtherDevices)) return "there are other volumes below a source";
    return this.#places(mark, moved);
  }

  *#places(mark: CleanMark, moved: ReadonlySet<bigint>): Generator<DirtyPlace> {
    const { trees } = this.#options.engine;
    for (const tree of trees) yield* placesOf(tree, mark.untilMs, moved);
    for (const { root, dev, ino } of mark.hot) {
      for (const node of trees[root]?.table.inodeOf(dev, ino)?.nodes ?? []) yield { root, path: node.path, level: "entry", thorough: false };
    }
  }
}

/** The names of the root always: what was exchanged is kept there for a moment, on the target too. */
function* placesOf({ index: root, table: { records } }: RootTree, untilMs: number, moved: ReadonlySet<bigint>): Generator<DirtyPlace> {
  yield { root, path: ROOT_PATH, level: "names", thorough: false };
  const pending = [records.root];
  for (let above = pending.pop(); above !== undefined; above = pending.pop()) {
    for (let child = records.firstChild(above); child !== 0; child = records.nextChild(child)) {
      const inode = records.inodeAt(child);
      const isChanged = inode.ctimeSec * 1000 + inode.ctimeNsec / 1e6 >= untilMs;
      if (!inode.isDirectory) {
        if (isChanged) yield { root, path: records.pathOf(child), level: "entry", thorough: false };
      } else if (moved.has(idOf(inode))) {
        yield { root, path: records.pathOf(child), level: "tree", thorough: true };
      } else {
        pending.push(child);
        if (isChanged) yield { root, path: records.pathOf(child), level: "names", thorough: false };
      }
    }
  }
}

/** Btrfs subvolumes, and whatever is mounted. */
function hasOtherDevices({ table: { records } }: RootTree): boolean {
  const { dev } = records.inodeAt(records.root);
  const pending = [records.root];
  for (let above = pending.pop(); above !== undefined; above = pending.pop()) {
    for (let child = records.firstChild(above); child !== 0; child = records.nextChild(child)) {
      const inode = records.inodeAt(child);
      if (inode.dev !== dev) return true;
      if (inode.isDirectory) pending.push(child);
    }
  }
  return false;
}

/** True when that cannot be told. */
function hasMountsBelow({ path }: RootTree): boolean {
  try {
    const root = bytesFromText(realpathSync(path));
    const above = root === "/" ? root : `${root}/`;
    return readMountTable().some(({ mountPoint }) => mountPoint.startsWith(above) && mountPoint !== root);
  } catch {
    return true;
  }
}

/** What is stored through a mapping changes the times again when the kernel has written it: after the time that dirty pages may wait. */
function slackWithoutRanges(): number {
  const expireMs = Number(readFileSync("/proc/sys/vm/dirty_expire_centisecs", "latin1")) * 10;
  return Math.max(SLACK_MS_MIN, 2 * expireMs + 10_000);
}
