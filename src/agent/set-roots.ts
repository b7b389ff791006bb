// The directories that a replication set is watched at, as they are now.

import { statSync } from "node:fs";
import { SmError } from "../base/errors.js";
import type { Config } from "../config/config.js";
import { identityAt, isSameRoot } from "../fs/root-identity.js";
import { realPathAsFarAsItExists } from "../fs/storage-place.js";
import { type BytePath, bytesFromText } from "../model/byte-path.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import { isInside, rootsOf } from "../model/repset-roots.js";
import type { RepsetData, Rule } from "../model/rule.js";
import type { KnownRoot, RepsetSource } from "./repset-source.js";

export function rootsOfSet(repset: RepsetData): string[] {
  const roots = rootsOf(repset.rules, isDirectory);
  if (roots.length === 0) throw new SmError("REPSET_EMPTY", `replication set ${repset.name} includes nothing`);
  for (const root of roots)
    if (!isDirectory(root)) throw new SmError("ROOT_MISSING", `${root}, which ${repset.name} includes, does not exist`, { data: { path: root } });
  return roots;
}

/** As they are now. Throws ROOT_MISSING. */
export function rootsAt(paths: readonly string[]): KnownRoot[] {
  return paths.map((path) => ({ path, ...identityAt(path) }));
}

export function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The record of an earlier version lacks it: it is taken from the directory that fits otherwise. */
export function withBirthTime(root: KnownRoot): KnownRoot {
  if (root.btime !== "" || !isDirectory(root.path)) return root;
  const found = identityAt(root.path);
  return isSameRoot(root, found) ? { path: root.path, ...found } : root;
}

/** One set has one source: what another connection of it holds must be what is there now. */
export function refuseOtherRoots(source: RepsetSource | undefined, ids: readonly number[], roots: readonly KnownRoot[]): void {
  if (source === undefined || source.hasRoots(roots)) return;
  const { name } = source.repset;
  throw new SmError("ROOT_CHANGED", `${source.roots.join(", ")} is not the directory that connection ${ids.join(", ")} of ${name} was made for`);
}

/** Throws REPSET_IN_USE when a set that is connected would have other roots. */
export function refuseMovedRoots(source: RepsetSource, rules: readonly Rule[], own: readonly string[]): void {
  const roots = rootsOf(rules, (path) => isDirectory(path) || source.roots.includes(path));
  refuseOwnSources(rules, roots, own);
  if (roots.join("\0") === source.roots.join("\0")) return;
  const change = `${source.roots.join(", ")} to ${roots.join(", ")}`;
  throw new SmError("REPSET_IN_USE", `the change would move the roots of ${source.repset.name} (${change}) while it is connected`);
}

/** Views of the kernel: what they hold is no content, and never rests. */
const KERNEL = ["/proc", "/sys"];

/** Where the agent writes whenever something is replicated: replicated itself, that would never end. */
export function ownSourcesOf({ stateDir, queue }: Config): readonly string[] {
  return [stateDir, queue.directory];
}

/** Throws SOURCE_PATH_DENIED when a set includes what must not be a source. */
export function refuseOwnSources(rules: readonly Rule[], roots: readonly string[], own: readonly string[]): void {
  for (const denied of [...KERNEL, ...own]) {
    const real = realPathAsFarAsItExists(denied);
    for (const root of roots) {
      const realRoot = realPathAsFarAsItExists(root);
      const isWithin =
        isInside(realRoot, real) || (isInside(real, realRoot) && includesAny(rules, root, real.slice(realRoot === "/" ? 1 : realRoot.length + 1)));
      if (!isWithin) continue;
      const why = own.includes(denied) ? "where the agent itself writes with every change" : "which the kernel makes up as it is read";
      throw new SmError("SOURCE_PATH_DENIED", `the replication set includes ${denied}, ${why}`, { data: { path: denied, root } });
    }
  }
}

function includesAny(rules: readonly Rule[], root: string, path: string): boolean {
  const matcher = new RepsetMatcher(rules, root);
  const bytes = bytesFromText(path) as BytePath;
  return matcher.decide(bytes, true) || matcher.mayContain(bytes);
}
