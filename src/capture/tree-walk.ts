// A walk over a directory and all below that goes on while the tree changes: directories that were moved before the walk came
// to them, or to where it had been already, are walked where they are found.

import { type Deferred, defer } from "../base/wait.js";
import type { Node } from "./node-table.js";
import { type Observation, walkDifferences } from "./observation.js";
import type { RootTree } from "./root-tree.js";

const OBSERVATIONS_PER_BATCH = 20_000;
/** Rounds over moved directories are given up when none of them was found for so long: they may be covered by a mount. */
const FRUITLESS_MS_MAX = 2000;

export class TreeWalk {
  readonly tree: RootTree;
  readonly ended: Deferred<void> = defer<void>();
  readonly #missed = new Set<Node>();
  #batches: Generator<Observation[]>;
  #fruitlessSinceMs: number | null = null;
  #left: readonly Node[] = [];
  /** How often it went after directories that had moved. */
  rounds = 0;

  constructor(tree: RootTree, from: Node) {
    this.tree = tree;
    this.#batches = this.#walk([from]);
  }

  /** The directory has another place now. */
  noteMoved(directory: Node): void {
    this.#missed.add(directory);
  }

  /** Directories that were not found: to be walked later. */
  get left(): readonly Node[] {
    return this.#left;
  }

  /** What differs in the next part, possibly nothing; null = all was walked. The tree must be open. */
  next(): readonly Observation[] | null {
    const { done, value } = this.#batches.next();
    if (done !== true) return value;
    const missed = [...this.#missed].filter((node) => node.isAttached && !isBelowAny(node, this.#missed));
    this.#missed.clear();
    if (missed.length === 0) return null;
    const now = performance.now();
    this.#fruitlessSinceMs = missed.every((node) => this.tree.isElsewhere(node)) ? (this.#fruitlessSinceMs ?? now) : null;
    if (this.#fruitlessSinceMs !== null && now - this.#fruitlessSinceMs > FRUITLESS_MS_MAX) {
      this.#left = missed;
      return null;
    }
    this.rounds += 1;
    this.#batches = this.#walk(missed);
    return [];
  }

  *#walk(from: readonly Node[]): Generator<Observation[]> {
    const onLost = (directory: Node): void => this.noteMoved(directory);
    for (const node of from) yield* walkDifferences(this.tree, node, { recursive: true, batch: OBSERVATIONS_PER_BATCH, onLost });
  }
}

function isBelowAny(node: Node, others: ReadonlySet<Node>): boolean {
  for (let at = node.parent; at !== null; at = at.parent) if (others.has(at)) return true;
  return false;
}
