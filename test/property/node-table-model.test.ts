// Random additions, moves, removals, links and reuses of inode numbers in a node table, against one of plain objects.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Inode, type Node, NodeTable } from "../../src/capture/node-table.js";
import type { FileStat } from "../../src/fs/native.js";
import type { BytePath } from "../../src/model/byte-path.js";

type Type = "file" | "dir" | "symlink" | "special";

interface Look {
  readonly dev: number;
  readonly ino: number;
  readonly born: number;
  readonly type: Type;
  readonly size: number;
}

type Step =
  | { readonly kind: "add"; readonly directory: number; readonly name: string; readonly look: Look; readonly isHeld: boolean }
  | { readonly kind: "link"; readonly node: number; readonly directory: number; readonly name: string; readonly isHeld: boolean }
  | { readonly kind: "move"; readonly node: number; readonly directory: number; readonly name: string }
  | { readonly kind: "remove"; readonly node: number }
  | { readonly kind: "take"; readonly node: number; readonly size: number; readonly racy: boolean; readonly hash: bigint };

class ModelInode {
  readonly look: Look;
  readonly names: ModelNode[] = [];
  size: number;
  version = 1;
  racy = false;
  hash = 0n;
  held: Inode | null = null;

  constructor(look: Look) {
    this.look = look;
    this.size = look.type === "file" ? look.size : 0;
  }
}

class ModelNode {
  parent: ModelNode | null;
  name: string;
  readonly inode: ModelInode;
  readonly children = new Map<string, ModelNode>();
  isAttached = true;
  held: Node | null = null;

  constructor(parent: ModelNode | null, name: string, inode: ModelInode) {
    this.parent = parent;
    this.name = name;
    this.inode = inode;
  }

  get path(): string {
    if (this.parent === null) return "";
    const above = this.parent.path;
    return above === "" ? this.name : `${above}/${this.name}`;
  }

  isAtOrBelow(other: ModelNode): boolean {
    return this === other || (this.parent?.isAtOrBelow(other) ?? false);
  }

  *all(): Generator<ModelNode> {
    yield this;
    for (const child of this.children.values()) yield* child.all();
  }
}

const MODES = { file: 0o100644, dir: 0o040755, symlink: 0o120777, special: 0o010644 };
const ROOT_LOOK: Look = { dev: 1, ino: 2, born: 0, type: "dir", size: 4096 };

function statOf(look: Look, size = look.size): FileStat {
  const times = { mtimeSec: -5, mtimeNsec: 7, ctimeSec: 2 ** 33, ctimeNsec: 999_999_999, btimeSec: look.born, btimeNsec: look.born + 1 };
  return { dev: look.dev, ino: look.ino, mode: MODES[look.type], uid: 0, gid: 0, size, blocks: 8, nlink: 1, rdevMajor: 0, rdevMinor: 0, ...times };
}

class Model {
  readonly table = new NodeTable(statOf(ROOT_LOOK));
  readonly root = new ModelNode(null, "", new ModelInode(ROOT_LOOK));
  readonly byNumber = new Map<string, ModelInode>();
  readonly gone: ModelNode[] = [];

  constructor() {
    this.root.inode.names.push(this.root);
    this.byNumber.set(`${ROOT_LOOK.dev}:${ROOT_LOOK.ino}`, this.root.inode);
  }

  get nodes(): ModelNode[] {
    return [...this.root.all()];
  }

  pick(index: number, isWanted: (node: ModelNode) => boolean): ModelNode | undefined {
    const among = this.nodes.filter(isWanted);
    return among[index % Math.max(1, among.length)];
  }

  found(node: ModelNode): Node {
    const found = this.table.at(node.path as BytePath);
    if (found === undefined) throw new Error(`${node.path} is not in the table`);
    return found;
  }

  add(directory: ModelNode, name: string, look: Look, isHeld: boolean): void {
    const key = `${look.dev}:${look.ino}`;
    const known = this.byNumber.get(key);
    const isKnown = known !== undefined && known.look.born === look.born && known.look.type === look.type;
    if (isKnown && look.type === "dir") return;
    const handle = this.table.add(this.found(directory), name, statOf(look));
    const before = directory.children.get(name);
    if (before !== undefined) this.#forget(before);
    const still = this.byNumber.get(key);
    const inode = isKnown && still === known ? known : new ModelInode(look);
    this.byNumber.set(key, inode);
    const node = new ModelNode(directory, name, inode);
    directory.children.set(name, node);
    inode.names.push(node);
    if (!isHeld) return;
    node.held = handle;
    inode.held = handle.inode;
  }

  move(node: ModelNode, directory: ModelNode, name: string): void {
    const before = directory.children.get(name);
    if (node.parent === null || directory.isAtOrBelow(node) || (before !== undefined && before !== node && node.isAtOrBelow(before))) return;
    this.table.move(this.found(node), this.found(directory), name);
    if (before === node) return;
    if (before !== undefined) this.#forget(before);
    node.parent.children.delete(node.name);
    node.parent = directory;
    node.name = name;
    directory.children.set(name, node);
  }

  remove(node: ModelNode): void {
    if (node.parent === null) return;
    this.table.remove(this.found(node));
    this.#forget(node);
  }

  #forget(node: ModelNode): void {
    node.parent?.children.delete(node.name);
    for (const each of node.all()) {
      each.isAttached = false;
      this.gone.push(each);
      each.inode.names.splice(each.inode.names.indexOf(each), 1);
      const key = `${each.inode.look.dev}:${each.inode.look.ino}`;
      if (each.inode.names.length === 0 && this.byNumber.get(key) === each.inode) this.byNumber.delete(key);
    }
  }

  take(node: ModelNode, size: number, racy: boolean, hash: bigint): void {
    const { inode } = node;
    const handle = this.found(node).inode;
    this.table.resize(handle, size);
    handle.take(statOf(inode.look, size));
    handle.racy = racy;
    handle.contentHash = hash;
    if (inode.look.type === "file") inode.size = size;
    Object.assign(inode, { racy, hash, version: inode.version + 1 });
  }

  apply(step: Step): void {
    const isDirectory = (node: ModelNode): boolean => node.inode.look.type === "dir";
    const directory = "directory" in step ? this.pick(step.directory, isDirectory) : undefined;
    const node = "node" in step ? this.pick(step.node, (each) => step.kind !== "link" || !isDirectory(each)) : undefined;
    if (step.kind === "add" && directory !== undefined) this.add(directory, step.name, step.look, step.isHeld);
    if (step.kind === "link" && directory !== undefined && node !== undefined) this.add(directory, step.name, node.inode.look, step.isHeld);
    if (step.kind === "move" && directory !== undefined && node !== undefined) this.move(node, directory, step.name);
    if (step.kind === "remove" && node !== undefined) this.remove(node);
    if (step.kind === "take" && node !== undefined) this.take(node, step.size, step.racy, step.hash);
  }

  check(): void {
    const nodes = this.nodes;
    const inodes = new Set(nodes.slice(1).map((node) => node.inode));
    const files = [...inodes].filter(({ look }) => look.type !== "dir");
    expect([this.table.files, this.table.directories]).toEqual([files.length, inodes.size - files.length]);
    expect(this.table.bytes).toBe(files.reduce((sum, { size }) => sum + size, 0));
    for (const node of nodes) this.#checkNode(node);
    for (const node of this.gone) this.#checkGone(node);
    for (const [key, inode] of this.byNumber) {
      const [dev, ino] = key.split(":").map(Number) as [number, number];
      const found = this.table.inodeOf(dev, ino);
      expect(found?.nodes.map(({ path }) => path)).toEqual(inode.names.map(({ path }) => path));
      expect(this.table.find(statOf(inode.look))).toBe(found);
      expect(this.table.find(statOf({ ...inode.look, born: inode.look.born + 1 }))).toBeUndefined();
    }
  }

  #checkNode(node: ModelNode): void {
    const found = this.found(node);
    const { inode } = node;
    expect(found.path).toBe(node.path);
    expect(found.parent).toBe(node.parent === null ? null : this.found(node.parent));
    if (node.held !== null) expect(found).toBe(node.held);
    if (inode.held !== null) expect(found.inode).toBe(inode.held);
    const { size, version, racy, hash, look } = inode;
    expect(shown(found.inode)).toEqual({ size, version, racy, hash, dev: look.dev, ino: look.ino, type: look.type });
    const same = statOf(look, size);
    expect([found.inode.isSame(same), found.inode.hasSameCtime(same), found.inode.hasSameContentTimes(same)]).toEqual([true, true, true]);
    const children = found.children === null ? null : [...found.children].map(([name]) => name).sort();
    expect(children).toEqual(look.type === "dir" ? [...node.children.keys()].sort() : null);
  }

  /** What was removed stays as it was, for those who hold it. */
  #checkGone(node: ModelNode): void {
    const { held, inode } = node;
    if (held === null) return;
    expect([held.isAttached, held.name, held.path]).toEqual([false, node.name, node.path]);
    expect(this.table.at(node.path as BytePath)).not.toBe(held);
    const { size, version, racy, hash, look } = inode;
    expect(shown(held.inode)).toEqual({ size, version, racy, hash, dev: look.dev, ino: look.ino, type: look.type });
    expect(held.inode.nodes.map(({ path }) => path)).toEqual(inode.names.map(({ path }) => path));
  }
}

function shown({ size, version, racy, contentHash, dev, ino, type }: Inode) {
  return { size, version, racy, hash: contentHash, dev, ino, type };
}

const position = fc.nat({ max: 50 });
const name = fc.constantFrom("a", "b", "ab", "ba", "\xff", "\x01", "n".repeat(255), "m".repeat(255), ".limbo", "1", "2", "3");
const look: fc.Arbitrary<Look> = fc.record({
  dev: fc.constantFrom(1, 2 ** 20 + 3, 2 ** 32 - 1),
  ino: fc.constantFrom(2, 3, 4, 5, 6, 7, 2 ** 32 + 3, 2 ** 53 - 1),
  born: fc.constantFrom(0, 1, -1),
  type: fc.constantFrom("file" as const, "file" as const, "dir" as const, "dir" as const, "symlink" as const, "special" as const),
  size: fc.constantFrom(0, 1, 4096, 2 ** 40),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("add" as const), directory: position, name, look, isHeld: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("link" as const), node: position, directory: position, name, isHeld: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("move" as const), node: position, directory: position, name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), node: position }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("take" as const),
      node: position,
      size: fc.constantFrom(0, 5, 2 ** 41),
      racy: fc.boolean(),
      hash: fc.constantFrom(0n, 1n, 2n ** 64n - 1n),
    }),
  },
);

test("the table knows what a table of plain objects knows, whoever holds on to what was removed", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const each of steps) {
        model.apply(each);
        model.check();
      }
    }),
    { numRuns: 300 },
  );
});
