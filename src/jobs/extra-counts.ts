// Names that only the target has, counted there with all that is below them: asked for by directory.

import { type BytePath, baseName, joinPath, parentPath } from "../model/byte-path.js";
import type { Answer, OrphanFound, OrphansAnswer, RootIndex } from "../model/change.js";
import type { MirrorTree } from "../model/mirror-port.js";
import { NO_ORPHANS } from "../model/orphan-sums.js";

export interface Counted extends Pick<OrphanFound, "files" | "directories" | "bytes" | "isDirectory"> {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly isReplaced: boolean;
  /** It could not be looked into, or not into all of it. */
  readonly isPartial: boolean;
}

interface Batch {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly names: string[];
  /** The source has something of another type there: what the rules exclude below counts, too, for all of it goes. */
  readonly isReplaced: boolean;
}

const NAMES_PER_ASK = 100;
const ASKS_PENDING_MAX = 16;

export class ExtraCounts {
  readonly #options: { readonly connectionId: number; readonly tree: MirrorTree };
  readonly #waiting = new Map<string, Batch>();
  readonly #asked = new Map<number, Batch>();
  readonly #answers: OrphansAnswer[] = [];

  constructor(options: { readonly connectionId: number; readonly tree: MirrorTree }) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size + this.#asked.size;
  }

  get hasWork(): boolean {
    return this.#answers.length > 0 || (this.#waiting.size > 0 && this.#asked.size < ASKS_PENDING_MAX);
  }

  add(root: RootIndex, path: BytePath, isReplaced: boolean): void {
    const directory = parentPath(path);
    const key = `${root}:${isReplaced}:${directory}`;
    const batch = this.#waiting.get(key) ?? { root, path: directory, names: [], isReplaced };
    batch.names.push(baseName(path));
    this.#waiting.set(key, batch);
  }

  takeAnswer(answer: Answer): boolean {
    if (answer.kind !== "orphans" || !this.#asked.has(answer.seq)) return false;
    this.#answers.push(answer);
    return true;
  }

  askAgain(seq: number): boolean {
    const batch = this.#asked.get(seq);
    if (batch === undefined) return false;
    this.#asked.delete(seq);
    for (const name of batch.names) this.add(batch.root, joinPath(batch.path, name), batch.isReplaced);
    return true;
  }

  /** What was counted; null = there is nothing to do just now. */
  step(): readonly Counted[] | null {
    const answer = this.#answers.shift();
    if (answer !== undefined) return this.#take(answer);
    if (this.#asked.size >= ASKS_PENDING_MAX) return null;
    const [first] = this.#waiting;
    if (first === undefined) return null;
    const [key, batch] = first;
    const names = batch.names.splice(0, NAMES_PER_ASK);
    if (batch.names.length === 0) this.#waiting.delete(key);
    this.#ask({ ...batch, names });
    return [];
  }

  #ask(batch: Batch): void {
    const { tree, connectionId } = this.#options;
    const { root, path, names, isReplaced } = batch;
    const terms = { beforeMs: null, includesExcluded: isReplaced, place: null, sums: NO_ORPHANS };
    this.#asked.set(tree.sweep(connectionId, { root, path, deed: "count", way: "these", names, from: "", until: "", ...terms }), batch);
  }

  /** A name that is gone meanwhile is not among them. */
  #take({ seq, found, refused }: OrphansAnswer): readonly Counted[] {
    const batch = this.#asked.get(seq);
    this.#asked.delete(seq);
    if (batch === undefined) return [];
    const { root, path, names, isReplaced } = batch;
    const unknown = { isDirectory: false, files: 1, directories: 0, bytes: 0, failed: 1 };
    const counted = refused === null ? found : names.map((name) => ({ name, ...unknown }));
    return counted.map(({ name, isDirectory, files, directories, bytes, failed }) => {
      return { root, path: joinPath(path, name), isReplaced, isDirectory, files, directories, bytes, isPartial: failed > 0 };
    });
  }
}
