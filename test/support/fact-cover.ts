// Judges a capture source: what really changed in a tree between two looks at it, and which of that no fact names.

import { createHash } from "node:crypto";
import { type BigIntStats, lstatSync, readdirSync, readFileSync } from "node:fs";
import { type BytePath, isBelow, joinPath, parentPath, toBuffer } from "../../src/model/byte-path.js";
import type { CaptureFact } from "../../src/model/capture-port.js";

interface Look {
  readonly ino: string;
  readonly isDirectory: boolean;
  /** What is to be replicated of it; of a directory only what its entries do not change. */
  readonly state: string;
  /** Changes with whatever happens to the inode. */
  readonly ctimeNs: bigint;
}

export type TreeLook = ReadonlyMap<BytePath, Look>;

export function lookAtTree(root: string): TreeLook {
  const found = new Map<BytePath, Look>();
  const pending: BytePath[] = ["" as BytePath];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const name of readdirSync(absolute(root, directory), { encoding: "latin1" })) {
      const path = joinPath(directory, name);
      const stat = lstatSync(absolute(root, path), { bigint: true });
      const isDirectory = stat.isDirectory();
      const ctimeNs = isDirectory ? 0n : stat.ctimeNs;
      found.set(path, { ino: `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`, isDirectory, state: stateOf(root, path, stat), ctimeNs });
      if (isDirectory) pending.push(path);
    }
  }
  return found;
}

function stateOf(root: string, path: BytePath, stat: BigIntStats): string {
  const rights = `${stat.mode} ${stat.uid} ${stat.gid}`;
  if (!stat.isFile()) return rights;
  return `${rights} ${stat.mtimeNs} ${createHash("sha1")
    .update(readFileSync(absolute(root, path)))
    .digest("hex")}`;
}

function absolute(root: string, path: BytePath): Buffer {
  return Buffer.concat([Buffer.from(root), toBuffer(path === "" ? "" : `/${path}`)]);
}

/** Paths that changed and that no fact names: lists and "lost" count for what was below them. */
export function findUnnamed(before: TreeLook, after: TreeLook, facts: readonly CaptureFact[]): string[] {
  const isOther = (path: BytePath): boolean => before.get(path)?.ino !== after.get(path)?.ino;
  const named = (path: BytePath): boolean => facts.some((fact) => names(fact, path, isOther));
  const unnamed: string[] = [];
  const namesOfInode = new Map<string, BytePath[]>();
  for (const [path, { ino }] of [...before, ...after]) namesOfInode.set(ino, [...(namesOfInode.get(ino) ?? []), path]);
  // A further link that came and went in between, at a name that came, went or changed hands, changed nothing but the time of its inode.
  const isTransient = facts.some(
    (fact) => isOther(fact.path) || (fact.kind === "rename" && isOther(fact.to)) || (!before.has(fact.path) && !after.has(fact.path)),
  );
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(path), after.get(path)];
    if (was?.ino === is?.ino && was?.state === is?.state && (isTransient || was?.ctimeNs === is?.ctimeNs)) continue;
    if (named(path)) continue;
    // A change of an inode with several names is told under one of them; also that one came or went.
    if (was?.ino === is?.ino && is !== undefined && (namesOfInode.get(is.ino)?.some(named) || facts.some((fact) => isAbout(fact, is)))) continue;
    unnamed.push(`${path} (${was === undefined ? "new" : is === undefined ? "gone" : was.ino === is.ino ? "changed" : "another"})`);
  }
  return unnamed;
}

/** The name it happened under may be gone since: then the inode leads to the others. */
function isAbout(fact: CaptureFact, look: Look): boolean {
  return "node" in fact && fact.node !== null && look.ino.split(":")[1] === `${fact.node.ino}`;
}

function names(fact: CaptureFact, path: BytePath, isOther: (path: BytePath) => boolean): boolean {
  const speaksFor = (place: BytePath): boolean => path === place || (isBelow(path, place) && isOther(place));
  switch (fact.kind) {
    case "directory":
      return fact.recursive ? isBelow(path, fact.path) : parentPath(path) === fact.path;
    case "lost":
      return isBelow(path, fact.path);
    case "rename":
      return speaksFor(fact.path) || speaksFor(fact.to);
    case "name":
    case "content":
    case "attr":
      return speaksFor(fact.path);
  }
}
