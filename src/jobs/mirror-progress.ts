import { type BytePath, displayPath, joinPath } from "../model/byte-path.js";
import type { Difference } from "../model/change.js";
import type { MirrorEntry, MirrorTotals, MirrorTree } from "../model/mirror-port.js";
import type { MirrorPlace } from "../model/mirror-wish.js";
import { type EmptyPolicy, isLeftEmpty } from "./left-alone.js";

const ORPHAN_NAMES_MAX = 1000;
const LEFT_ALONE_NAMES_MAX = 100;

/** Counts of a mirror: what is done, what was found equal, what the target has beyond the source. */
export class MirrorProgress {
  /** 0 = not calculated, or nothing. */
  filesTotal = 0;
  bytesTotal = 0;
  filesDone = 0;
  filesSkipped = 0;
  bytesDone = 0;
  bytesSkipped = 0;
  isSettling = false;
  orphans = 0;
  removed = 0;
  readonly orphanNames: string[] = [];
  leftAlone = 0;
  /** Of these, for being empty. */
  leftEmpty = 0;
  readonly leftAloneNames: string[] = [];

  #isSized = false;

  begin(totals: MirrorTotals): void {
    this.#isSized = true;
    this.filesTotal = totals.files;
    this.bytesTotal = totals.bytes;
  }

  skip(entry: MirrorEntry): void {
    if (entry.type === "dir") return;
    this.filesDone += 1;
    this.filesSkipped += 1;
    this.bytesSkipped += entry.size;
  }

  leaveAlone(entry: MirrorEntry): void {
    this.skip(entry);
    this.leftAlone += 1;
    if (this.leftAloneNames.length < LEFT_ALONE_NAMES_MAX) this.leftAloneNames.push(displayPath(entry.path));
  }

  /** Whether the mirror leaves it out for being empty; then it is counted. `why` null: it was not compared. */
  leaveEmpty(policy: EmptyPolicy, entry: MirrorEntry, why: Difference["why"] | null): boolean {
    if (!isLeftEmpty(policy, entry.type, entry.size, why)) return false;
    this.leaveAlone(entry);
    this.leftEmpty += 1;
    return true;
  }

  done(entry: MirrorEntry, bytes: number): void {
    if (entry.type !== "dir") this.filesDone += 1;
    this.bytesDone += bytes;
  }

  /** What was counted is to be sent all the same. */
  recall(entry: MirrorEntry): void {
    if (entry.type === "dir") return;
    this.filesDone -= 1;
    this.filesSkipped = Math.max(0, this.filesSkipped - 1);
    this.bytesSkipped = Math.max(0, this.bytesSkipped - entry.size);
  }

  /** Of a file that is sent. `skipped`: read, and the same on the target, or a hole. */
  addBytes(sent: number, skipped: number): void {
    this.bytesDone += sent;
    this.bytesSkipped += skipped;
  }

  /** Names leave inodes that they share on the target: cut short from here on, the mirror knows no more who was on them. */
  settle(): void {
    this.isSettling = true;
  }

  noteExtras(directory: BytePath, names: readonly string[], removed: number): void {
    this.removed += removed;
    this.orphans += names.length;
    for (const name of names) {
      if (this.orphanNames.length >= ORPHAN_NAMES_MAX) return;
      this.orphanNames.push(displayPath(joinPath(directory, name)));
    }
  }

  /** 0…99 while it runs: only the target's word makes it 100. Null = the size is not calculated. */
  get percent(): number | null {
    if (!this.#isSized) return null;
    const share = this.bytesTotal > 0 ? (this.bytesDone + this.bytesSkipped) / this.bytesTotal : this.filesTotal > 0 ? this.filesDone / this.filesTotal : 1;
    return Math.min(99, Math.floor(share * 100));
  }
}

/** Of all these places and what is below them. */
export function totalsOf(tree: MirrorTree, places: readonly MirrorPlace[]): MirrorTotals {
  return places
    .map(({ root, path }) => tree.totalsBelow(root, path))
    .reduce((sum, each) => ({ files: sum.files + each.files, directories: sum.directories + each.directories, bytes: sum.bytes + each.bytes }), {
      files: 0,
      directories: 0,
      bytes: 0,
    });
}
