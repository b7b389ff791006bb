// The check on a source that misses nothing: now and then the tree is compared with what is known. A difference that is still the
// same when everything that happened was worked on was told by nobody: it is shipped, and owned up to.

import type { BytePath } from "../model/byte-path.js";
import type { AuditFigures } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";
import { isAttached, type Observation } from "./observation.js";
import type { RootTree } from "./root-tree.js";
import { TreeWalk } from "./tree-walk.js";

export interface AuditOptions {
  readonly trees: readonly RootTree[];
  /** It waits for its turn: what is written of it is not read yet. */
  readonly isWaiting: (tree: RootTree, path: BytePath) => boolean;
  /** Nobody told of these, and their content may be any. The trees are open. */
  readonly ship: (tree: RootTree, missed: readonly Observation[]) => Promise<void>;
  readonly onMissed: (root: RootIndex, paths: readonly BytePath[]) => void;
}

/** A difference is looked at again after this time: whatever it came from is known by then. */
const SETTLE_MS = 250;
/** Directories that move all the time would keep it from its end: what it has not found by then is left to the next audit. */
const ROUNDS_MAX = 20;

interface Suspects {
  readonly tree: RootTree;
  readonly seen: readonly Observation[];
  readonly atMs: number;
}

export class Audit {
  readonly #options: AuditOptions;
  readonly #walks: TreeWalk[] = [];
  #suspects: Suspects | null = null;
  #missed = 0;
  #lastMs: number | null = null;
  #isAwaited = false;

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  get figures(): AuditFigures {
    return { lastMs: this.#lastMs, missed: this.#missed };
  }

  /** It may do its next step. */
  get isDue(): boolean {
    if (this.#suspects !== null) return performance.now() - this.#suspects.atMs >= SETTLE_MS;
    return this.#walks.length > 0;
  }

  get isRunning(): boolean {
    return this.#suspects !== null || this.#walks.length > 0;
  }

  /** Somebody waits for its end: jobs do not keep it waiting. */
  get isAwaited(): boolean {
    return this.#isAwaited && this.isRunning;
  }

  /** When it is due, in ms; Infinity = it is not under way. */
  get untilDueMs(): number {
    if (this.#suspects !== null) return Math.max(0, this.#suspects.atMs + SETTLE_MS - performance.now());
    return this.#walks.length > 0 ? 0 : Number.POSITIVE_INFINITY;
  }

  /** One that is under way goes on. */
  start(isAwaited = false): void {
    this.#isAwaited = isAwaited || this.isAwaited;
    if (this.isRunning) return;
    for (const tree of this.#options.trees) this.#walks.push(new TreeWalk(tree, tree.table.root));
  }

  noteMoved(tree: RootTree, directory: Observation["parent"]): void {
    for (const walk of this.#walks) if (walk.tree === tree) walk.noteMoved(directory);
  }

  /** One piece of the work; all that happened before was taken in and worked on. The trees must be open. */
  async step(): Promise<void> {
    if (this.#suspects !== null) {
      const { tree, seen } = this.#suspects;
      this.#suspects = null;
      const missed = seen.filter((one) => this.#isStill(tree, one));
      if (missed.length > 0) await this.#ownUp(tree, missed);
    } else {
      this.#walkOn();
    }
    if (!this.isRunning) this.#lastMs = Date.now();
  }

  #walkOn(): void {
    const walk = this.#walks[0];
    if (walk === undefined) return;
    const differences = walk.rounds > ROUNDS_MAX ? null : walk.next();
    if (differences === null) {
      this.#walks.shift();
      return;
    }
    const seen = differences.filter((one) => isDifferent(one));
    if (seen.length > 0) this.#suspects = { tree: walk.tree, seen, atMs: performance.now() };
  }

  /** It is as it was seen, and what is known is not. */
  #isStill(tree: RootTree, one: Observation): boolean {
    if (!isAttached(one.parent) || !isDifferent(one)) return false;
    const dirfd = tree.directoryOf(one.parent);
    if (dirfd === undefined || this.#options.isWaiting(tree, one.path)) return false;
    const now = tree.look(dirfd, one.path, one.name);
    if (now === null || one.stat === null) return now === one.stat;
    const { stat } = one;
    return now.ino === stat.ino && now.dev === stat.dev && now.ctimeSec === stat.ctimeSec && now.ctimeNsec === stat.ctimeNsec;
  }

  async #ownUp(tree: RootTree, missed: readonly Observation[]): Promise<void> {
    const { ship, onMissed } = this.#options;
    this.#missed += missed.length;
    onMissed(
      tree.index,
      missed.map(({ path }) => path),
    );
    await ship(tree, missed);
  }
}

/** Not one whose times prove nothing. */
function isDifferent({ parent, name, stat }: Observation): boolean {
  const known = parent.children?.get(name)?.inode;
  if (stat === null) return known !== undefined;
  return known === undefined || !known.isSame(stat) || !known.hasSameCtime(stat);
}
