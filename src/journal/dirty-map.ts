// The dirty map of one connection: where its target must be made good. A tree of names; what becomes too much is joined into a
// coarser place (entry → names of a directory → whole tree), so that it is bounded and nothing is ever forgotten.
//
// A place that is taken for repair stays until the repair is settled. Marked again meanwhile, it waits for another one.

import { type BytePath, PATH_BYTES_MAX, parentPath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { DirtyBatch, DirtyLevel, DirtyPlace } from "../model/dirty-place.js";

/** `files`, `bytes`: of the changes that lie behind the mark. */
export interface DirtyMark extends DirtyPlace {
  readonly files: number;
  readonly bytes: number;
}

export interface DirtyLimits {
  readonly placesMax: number;
  /** Names in the tree, of places and of what leads to them. */
  readonly nodesMax: number;
  /** Sum of the lengths of all places' paths. */
  readonly pathBytesMax: number;
  /** Beyond, a directory is one place. */
  readonly entriesPerDirectoryMax: number;
}

export const DIRTY_LIMITS: DirtyLimits = { placesMax: 20_000, nodesMax: 60_000, pathBytesMax: 4 * 1024 * 1024, entriesPerDirectoryMax: 64 };

interface State {
  readonly level: DirtyLevel;
  thorough: boolean;
  files: number;
  bytes: number;
  /** Number of the batch it was taken with; 0 = it waits. */
  batch: number;
}

interface Node {
  readonly name: string;
  readonly parent: Node | null;
  readonly children: Map<string, Node>;
  /** Length of the path. */
  readonly length: number;
  state: State | null;
  /** Children that are places of level "entry". */
  entries: number;
}

interface Taken {
  readonly nodes: readonly { readonly root: RootIndex; readonly node: Node; readonly state: State }[];
  readonly withLinks: boolean;
}

export class DirtyMap {
  readonly #limits: DirtyLimits;
  /** Told of each place that is new or coarser than before. */
  readonly #onPut: (mark: DirtyMark) => void;
  readonly #roots = new Map<RootIndex, Node>();
  readonly #batches = new Map<number, Taken>();
  #places = 0;
  #nodes = 0;
  #pathBytes = 0;
  #files = 0;
  #bytes = 0;
  #lastBatch = 0;
  #links: "none" | "waits" | number = "none";

  constructor(limits: DirtyLimits = DIRTY_LIMITS, onPut: (mark: DirtyMark) => void = () => undefined) {
    this.#limits = limits;
    this.#onPut = onPut;
  }

  get size(): number {
    return this.#places + (this.#links === "none" ? 0 : 1);
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  get files(): number {
    return this.#files;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get owesLinks(): boolean {
    return this.#links !== "none";
  }

  /** Files with several names are to be looked at when all else is done. */
  markLinks(): void {
    this.#links = "waits";
  }

  mark(mark: DirtyMark): void {
    if (mark.path.length > PATH_BYTES_MAX) {
      this.mark({ ...mark, path: parentPath(mark.path), level: "tree" });
      return;
    }
    const names = namesOf(mark.path);
    let node = this.#rootNode(mark.root);
    for (let depth = 0; ; depth++) {
      const { state } = node;
      if (state !== null && covers(state, mark.level, names.length - depth) && (state.thorough || !mark.thorough)) {
        this.#count(state, mark.files, mark.bytes);
        state.batch = 0;
        return;
      }
      // A tree that is compared less thoroughly than what is in it: all of it is from now on.
      if (state?.level === "tree") {
        this.#put(mark.root, node, { ...mark, level: "tree" });
        break;
      }
      if (depth === names.length) {
        this.#put(mark.root, node, mark);
        break;
      }
      node = this.#childOf(node, names[depth] as string);
    }
    if (this.#isOver(1)) this.#coarsen();
  }

  /** A place as `onPut` told of it in an earlier run: that run has joined what became too much, and told of that as well. */
  restore(mark: DirtyMark): void {
    let node = this.#rootNode(mark.root);
    for (const name of namesOf(mark.path)) node = this.#childOf(node, name);
    this.#replace(node, mark);
  }

  /** True when the map says of this name that it may differ. */
  covers(root: RootIndex, path: BytePath): boolean {
    return this.#coverOf(root, path) !== null;
  }

  /** What was at `path` is at `to` by now, on the source as on the target: so is what is wrong with it. */
  follow(root: RootIndex, path: BytePath, to: BytePath): void {
    const cover = this.#coverOf(root, path);
    const moved = cover?.level === "tree" ? [{ path: to, level: cover.level, thorough: cover.thorough }] : this.#placesBelow(root, path, to);
    if (cover !== null && cover.level !== "tree") moved.push({ path: to, level: "entry", thorough: false });
    for (const place of moved) this.mark({ root, ...place, files: 0, bytes: 0 });
  }

  /** Every place, in no order. */
  *all(): IterableIterator<DirtyMark> {
    for (const [root, top] of this.#roots) {
      for (const { node, state } of placesIn(top)) yield { root, path: pathOf(node), ...figuresOf(state) };
    }
  }

  /** Up to `max` places that wait; null = there is nothing to be done just now. */
  take(max: number): DirtyBatch | null {
    const nodes: { root: RootIndex; node: Node; state: State }[] = [];
    for (const [root, top] of this.#roots) {
      for (const { node, state } of placesIn(top)) {
        if (nodes.length >= max) break;
        if (state.batch === 0) nodes.push({ root, node, state });
      }
    }
    const withLinks = this.#places === 0 && this.#links === "waits";
    if (nodes.length === 0 && !withLinks) return null;
    const id = ++this.#lastBatch;
    for (const { state } of nodes) state.batch = id;
    if (withLinks) this.#links = id;
    this.#batches.set(id, { nodes, withLinks });
    return { id, places: nodes.map(({ root, node, state: { level, thorough } }) => ({ root, path: pathOf(node), level, thorough })), withLinks };
  }

  /** What was taken is as it should be, but for what was marked since. Returns what is no longer in the map. */
  settle(id: number): readonly DirtyPlace[] {
    const taken = this.#batches.get(id);
    this.#batches.delete(id);
    const gone: DirtyPlace[] = [];
    for (const { root, node, state } of taken?.nodes ?? []) {
      if (node.state !== state || state.batch !== id) continue;
      gone.push({ root, path: pathOf(node), level: state.level, thorough: state.thorough });
      this.#remove(node);
    }
    if (taken?.withLinks === true && this.#links === id) this.#links = "none";
    return gone;
  }

  /** The repair of these came to nothing: they wait again. */
  release(id: number): void {
    const taken = this.#batches.get(id);
    this.#batches.delete(id);
    for (const { state } of taken?.nodes ?? []) if (state.batch === id) state.batch = 0;
    if (taken?.withLinks === true && this.#links === id) this.#links = "waits";
  }

  /** A place that an earlier run settled. What is there is another one: it stays. */
  forget({ root, path, level, thorough }: DirtyPlace): void {
    let node = this.#roots.get(root);
    for (const name of namesOf(path)) node = node?.children.get(name);
    if (node?.state?.level === level && node.state.thorough === thorough) this.#remove(node);
  }

  forgetLinks(): void {
    this.#links = "none";
  }

  #rootNode(root: RootIndex): Node {
    const known = this.#roots.get(root);
    if (known !== undefined) return known;
    const node: Node = { name: "", parent: null, children: new Map(), length: 0, state: null, entries: 0 };
    this.#roots.set(root, node);
    this.#nodes += 1;
    return node;
  }

  #childOf(parent: Node, name: string): Node {
    const known = parent.children.get(name);
    if (known !== undefined) return known;
    const length = parent.length + (parent.parent === null ? 0 : 1) + name.length;
    const node: Node = { name, parent, children: new Map(), length, state: null, entries: 0 };
    parent.children.set(name, node);
    this.#nodes += 1;
    return node;
  }

  #coverOf(root: RootIndex, path: BytePath): State | null {
    const names = namesOf(path);
    let node = this.#roots.get(root);
    for (let depth = 0; node !== undefined; depth++) {
      if (node.state !== null && covers(node.state, "entry", names.length - depth)) return node.state;
      if (depth === names.length) return null;
      node = node.children.get(names[depth] as string);
    }
    return null;
  }

  #placesBelow(root: RootIndex, path: BytePath, to: BytePath): { path: BytePath; level: DirtyLevel; thorough: boolean }[] {
    let node = this.#roots.get(root);
    for (const name of namesOf(path)) node = node?.children.get(name);
    if (node === undefined) return [];
    return [...placesIn(node)].map(({ node: at, state: { level, thorough } }) => ({
      path: `${to}${pathOf(at).slice(path.length)}` as BytePath,
      level,
      thorough,
    }));
  }

  #put(root: RootIndex, node: Node, mark: DirtyMark): void {
    let { thorough, files, bytes } = mark;
    const own = node.state === null ? [] : [{ node, state: node.state }];
    for (const { state } of [...own, ...absorbedBy(node, mark.level)]) {
      thorough ||= state.thorough;
      files += state.files;
      bytes += state.bytes;
    }
    const state = this.#replace(node, { level: mark.level, thorough, files, bytes });
    this.#onPut({ root, path: pathOf(node), ...figuresOf(state) });
    if (mark.level === "entry" && node.parent !== null && node.parent.entries > this.#limits.entriesPerDirectoryMax) this.#join(root, node);
  }

  /** The node is this place, and what the place covers is none any more. */
  #replace(node: Node, { level, thorough, files, bytes }: Omit<State, "batch">): State {
    const below = absorbedBy(node, level);
    this.#take(node);
    const state: State = { level, thorough, files: 0, bytes: 0, batch: 0 };
    node.state = state;
    for (const { node: old } of below) this.#remove(old);
    this.#count(state, files, bytes);
    this.#places += 1;
    this.#pathBytes += node.length;
    if (level === "entry" && node.parent !== null) node.parent.entries += 1;
    return state;
  }

  /** Makes the place part of a coarser one at its parent. */
  #join(root: RootIndex, node: Node): void {
    if (node.state === null || node.parent === null) return;
    const { parent } = node;
    const isNames = node.state.level === "entry" && parent.state?.level !== "tree";
    this.#put(root, parent, { root, path: pathOf(parent), level: isNames ? "names" : "tree", thorough: false, files: 0, bytes: 0 });
  }

  #count(state: State, files: number, bytes: number): void {
    state.files += files;
    state.bytes += bytes;
    this.#files += files;
    this.#bytes += bytes;
  }

  /** The node is no place any more. */
  #take(node: Node): void {
    const { state, parent } = node;
    if (state === null) return;
    if (state.level === "entry" && parent !== null) parent.entries -= 1;
    node.state = null;
    this.#places -= 1;
    this.#pathBytes -= node.length;
    this.#files -= state.files;
    this.#bytes -= state.bytes;
  }

  #remove(node: Node): void {
    this.#take(node);
    this.#prune(node);
  }

  /** Nodes that lead to no place go. */
  #prune(from: Node): void {
    for (let node = from; node.parent !== null && node.state === null && node.children.size === 0; node = node.parent) {
      node.parent.children.delete(node.name);
      this.#nodes -= 1;
    }
  }

  #isOver(share: number): boolean {
    const { placesMax, nodesMax, pathBytesMax } = this.#limits;
    return this.#places > placesMax * share || this.#nodes > nodesMax * share || this.#pathBytes > pathBytesMax * share;
  }

  /** Joins what lies deepest, level by level, until there is room again. */
  #coarsen(): void {
    const byDepth = new Map<number, { root: RootIndex; node: Node }[]>();
    const note = (root: RootIndex, node: Node): void => {
      const depth = depthOf(node);
      const list = byDepth.get(depth);
      if (list === undefined) byDepth.set(depth, [{ root, node }]);
      else list.push({ root, node });
    };
    for (const [root, top] of this.#roots) for (const { node } of placesIn(top)) note(root, node);
    for (let depth = Math.max(...byDepth.keys()); depth > 0; depth--) {
      for (const { root, node } of byDepth.get(depth) ?? []) {
        if (!this.#isOver(0.5)) return;
        if (node.state === null || node.parent === null) continue;
        this.#join(root, node);
        note(root, node.parent);
      }
    }
  }
}

function namesOf(path: BytePath): readonly string[] {
  return path === "" ? [] : path.split("/");
}

/** `distance`: how far below the place the mark lies. */
function covers({ level }: State, mark: DirtyLevel, distance: number): boolean {
  if (level === "tree") return true;
  if (level === "names") return mark === "tree" ? false : distance === 0 || (distance === 1 && mark === "entry");
  return distance === 0 && mark === "entry";
}

function pathOf(node: Node): BytePath {
  const names: string[] = [];
  for (let at: Node = node; at.parent !== null; at = at.parent) names.push(at.name);
  return names.reverse().join("/") as BytePath;
}

function depthOf(node: Node): number {
  let depth = 0;
  for (let at = node; at.parent !== null; at = at.parent) depth += 1;
  return depth;
}

function* placesIn(top: Node): IterableIterator<{ readonly node: Node; readonly state: State }> {
  const pending = [top];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.state !== null) yield { node, state: node.state };
    for (const child of node.children.values()) pending.push(child);
  }
}

/** The places below that are part of a place of this level. */
function absorbedBy(top: Node, level: DirtyLevel): { readonly node: Node; readonly state: State }[] {
  if (level === "entry") return [];
  if (level === "tree") return [...placesIn(top)].filter(({ node }) => node !== top);
  const entries: { node: Node; state: State }[] = [];
  for (const node of top.children.values()) if (node.state?.level === "entry") entries.push({ node, state: node.state });
  return entries;
}

function figuresOf({ level, thorough, files, bytes }: State): { level: DirtyLevel; thorough: boolean; files: number; bytes: number } {
  return { level, thorough, files, bytes };
}
