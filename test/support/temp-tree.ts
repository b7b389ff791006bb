// Plants trees from literals, on real file systems, with everything a file can carry.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, onTestFinished } from "vitest";
import { type Content, type Operation, runOperations } from "./fs-driver.js";

export interface Metadata {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeNs?: bigint;
  /** Name and value as latin1 text, one character per byte. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

export type TreeNode = Metadata &
  (
    | { readonly type: "directory" }
    | { readonly type: "file"; readonly content?: string; readonly seed?: number; readonly length?: number }
    /** `size` bytes of which only the extents are written; the rest are holes. */
    | { readonly type: "sparse"; readonly size: number; readonly extents: readonly ({ readonly offset: number } & Content)[] }
    | { readonly type: "symlink"; readonly target: string }
    /** Another name of the file planted at `to`. */
    | { readonly type: "hardlink"; readonly to: string }
    | { readonly type: "fifo" }
    | { readonly type: "socket" }
    | { readonly type: "character" | "block"; readonly major: number; readonly minor: number }
  );

/** Path (latin1 text, one character per byte) → node; a string is a file with that content. Parents are made as needed. */
export type TreeLiteral = Readonly<Record<string, TreeNode | string>>;

/** The bytes of a text in UTF-8, one character per byte: how a name or content with letters beyond ASCII is written. */
export function utf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function makeOperations(path: string, node: TreeNode): Operation[] {
  switch (node.type) {
    case "directory":
      return [{ kind: "mkdir", path }];
    case "file":
      return [{ kind: "create", path, ...(node.seed === undefined ? { data: node.content ?? "" } : { seed: node.seed, length: node.length ?? 0 }) }];
    case "sparse":
      return [
        { kind: "create", path, data: "" },
        { kind: "truncate", path, size: node.size },
        ...node.extents.map((extent): Operation => ({ kind: "write", path, ...extent })),
      ];
    case "symlink":
      return [{ kind: "symlink", path, target: node.target }];
    case "hardlink":
      return [{ kind: "link", path: node.to, to: path }];
    case "fifo":
    case "socket":
      return [{ kind: node.type, path }];
    case "character":
    case "block":
      return [{ kind: node.type, path, major: node.major, minor: node.minor }];
  }
}

function metadataOperations(path: string, node: TreeNode): Operation[] {
  const operations: Operation[] = [];
  for (const [name, value] of Object.entries(node.xattrs ?? {})) operations.push({ kind: "setXattr", path, name, value });
  if (node.uid !== undefined || node.gid !== undefined) operations.push({ kind: "chown", path, uid: node.uid ?? -1, gid: node.gid ?? -1 });
  if (node.mode !== undefined) operations.push({ kind: "chmod", path, mode: node.mode });
  return operations;
}

/** Makes the tree below `root` (made as needed). Times are set last and deepest first, so that planting does not disturb them. */
export function plantTree(root: string, tree: TreeLiteral): void {
  const nodes = Object.entries(tree).map(([path, node]): [string, TreeNode] => [path, typeof node === "string" ? { type: "file", content: node } : node]);
  const later = nodes.filter(([, node]) => node.type === "hardlink");
  const first = nodes.filter(([, node]) => node.type !== "hardlink").sort(([a], [b]) => (a < b ? -1 : 1));
  const parents = [...new Set(nodes.map(([path]) => parentOf(path)).filter((path) => path !== ""))];
  const times = [...nodes].sort(([a], [b]) => b.length - a.length).filter(([, node]) => node.mtimeNs !== undefined);
  mkdirSync(root, { recursive: true });
  runOperations(root, [
    ...parents.map((path): Operation => ({ kind: "mkdir", path })),
    ...first.flatMap(([path, node]) => makeOperations(path, node)),
    ...later.flatMap(([path, node]) => makeOperations(path, node)),
    ...nodes.flatMap(([path, node]) => metadataOperations(path, node)),
    ...times.map(([path, node]): Operation => ({ kind: "times", path, mtimeNs: node.mtimeNs ?? 0n })),
  ]);
}

/** A new directory on SM_TEST_DIR or the temporary directory, gone when the test has finished. */
export function makeTempDirectory(): string {
  const directory = newDirectory();
  onTestFinished(() => removeDirectory(directory));
  return directory;
}

function newDirectory(): string {
  return mkdtempSync(join(process.env.SM_TEST_RUN ?? process.env.SM_TEST_DIR ?? tmpdir(), "t-"));
}

function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}

/** `withTempDirectory("…", ({ directory }) => …)`: a test with a directory of its own. */
export const withTempDirectory = base.extend<{ readonly directory: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of fixtures from a destructuring pattern
  directory: async ({}, use) => {
    const directory = newDirectory();
    await use(directory);
    removeDirectory(directory);
  },
});
