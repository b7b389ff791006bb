// What a generator must know of a tree to make operations that succeed: names and kinds, nothing of contents.

export type NodeKind = "directory" | "file" | "symlink" | "special";

export class TreeModel {
  /** Path → kind; "" is the root. */
  readonly #kinds = new Map<string, NodeKind>([["", "directory"]]);
  /** Directory → names in it. */
  readonly #children = new Map<string, Set<string>>([["", new Set()]]);

  get size(): number {
    return this.#kinds.size - 1;
  }

  kind(path: string): NodeKind | undefined {
    return this.#kinds.get(path);
  }

  list(kind?: NodeKind): string[] {
    return [...this.#kinds].filter(([path, other]) => path !== "" && (kind === undefined || other === kind)).map(([path]) => path);
  }

  add(path: string, kind: NodeKind): void {
    this.#kinds.set(path, kind);
    if (kind === "directory" && !this.#children.has(path)) this.#children.set(path, new Set());
    this.#children.get(parentOf(path))?.add(path);
  }

  remove(path: string): void {
    for (const child of this.#children.get(path) ?? []) this.remove(child);
    this.#children.delete(path);
    this.#kinds.delete(path);
    this.#children.get(parentOf(path))?.delete(path);
  }

  isEmpty(directory: string): boolean {
    return (this.#children.get(directory)?.size ?? 0) === 0;
  }

  /** Everything at and below `from` is at and below `to` afterwards. What was at `to` is gone. */
  move(from: string, to: string): void {
    const moved = this.#take(from);
    this.remove(to);
    this.#put(moved, from, to);
  }

  exchange(a: string, b: string): void {
    const fromA = this.#take(a);
    const fromB = this.#take(b);
    this.#put(fromA, a, b);
    this.#put(fromB, b, a);
  }

  /** Length of the longest path at or below `path`. */
  deepest(path: string): number {
    return Math.max(path.length, ...[...(this.#children.get(path) ?? [])].map((child) => this.deepest(child)));
  }

  #take(path: string): [string, NodeKind][] {
    const taken = this.#collect(path);
    this.remove(path);
    return taken;
  }

  /** Parents before children. */
  #collect(path: string): [string, NodeKind][] {
    const kind = this.#kinds.get(path);
    if (kind === undefined) throw new Error(`the model has no ${JSON.stringify(path)}`);
    return [[path, kind], ...[...(this.#children.get(path) ?? [])].flatMap((child) => this.#collect(child))];
  }

  #put(nodes: readonly [string, NodeKind][], from: string, to: string): void {
    for (const [path, kind] of nodes) this.add(to + path.slice(from.length), kind);
  }
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

export function isAtOrBelow(path: string, ancestor: string): boolean {
  return ancestor === "" || path === ancestor || path.startsWith(`${ancestor}/`);
}
