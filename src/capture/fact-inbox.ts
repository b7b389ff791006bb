// Facts waiting to be looked at, merged by place: many events about one name cost one look. Bounded: a storm coarsens
// to "compare everything below the root", it is never dropped.

import { type BytePath, baseName, isBelow, parentPath, ROOT_PATH } from "../model/byte-path.js";
import type { CaptureFact, NodeIdentity } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";

const PLACES_MAX = 200_000;
/** A directory is rather listed than looked at by more names. */
const NAMES_WITHIN_MAX = 50_000;

/** An inode that was written to, or whose attributes changed, by whatever name. */
export interface TouchedInode {
  /** null = the fact told only a name. */
  readonly node: NodeIdentity | null;
  /** Where it was; "" = not known. */
  readonly path: BytePath;
  /** The one it was in. */
  readonly directory: NodeIdentity | null;
  /** Content, not attributes alone. */
  isWritten: boolean;
  isModified: boolean;
  /** By a writer. */
  isClosed: boolean;
}

/** Names in a directory that is known by its identity: it may not be any more where it was. */
export interface NamesWithin {
  readonly directory: NodeIdentity;
  /** Where it was. */
  readonly path: BytePath;
  readonly names: Set<string>;
}

/** A directory to be listed. */
export interface Listing {
  readonly node: NodeIdentity | null;
  readonly path: BytePath;
  /** With all below. */
  recursive: boolean;
  /** That entries were written to, or closed, was not told one by one. */
  isUntold: boolean;
}

export interface RootFacts {
  readonly names: Set<BytePath>;
  readonly within: Map<string, NamesWithin>;
  /** By path, or by node where the path is not known. */
  readonly directories: Map<string, Listing>;
  readonly inodes: Map<string, TouchedInode>;
  /** Entries came to, or went from, the root itself. */
  isRootTouched: boolean;
  /** What is known of changes of content is not all. */
  isLost: boolean;
}

export class FactInbox {
  #byRoot = new Map<RootIndex, RootFacts>();
  events = 0;
  losses = 0;

  get isEmpty(): boolean {
    return this.#byRoot.size === 0;
  }

  /** What waits. */
  get facts(): ReadonlyMap<RootIndex, RootFacts> {
    return this.#byRoot;
  }

  push(facts: readonly CaptureFact[]): void {
    for (const fact of facts) this.#add(fact);
  }

  /** What waits that concerns the path: something that happened to it, or a listing that it lies in. */
  waitsOf(root: RootIndex, path: BytePath): ("event" | "listing")[] {
    const facts = this.#byRoot.get(root);
    if (facts === undefined) return [];
    const [above, name] = [parentPath(path), baseName(path)];
    const isListed = [...facts.directories.values()].some((listing) => listing.path === above || (listing.recursive && isBelow(path, listing.path)));
    const isNamed =
      facts.names.has(path) ||
      [...facts.within.values()].some((within) => within.path === above && within.names.has(name)) ||
      [...facts.inodes.values()].some((touched) => touched.path === path);
    return [...(isNamed ? (["event"] as const) : []), ...(isListed ? (["listing"] as const) : [])];
  }

  take(): Map<RootIndex, RootFacts> {
    const taken = this.#byRoot;
    this.#byRoot = new Map();
    return taken;
  }

  #add(fact: CaptureFact): void {
    this.events += 1;
    const facts = this.#of(fact.root);
    switch (fact.kind) {
      case "name":
        addName(facts, fact.path, fact.directory);
        break;
      case "content":
        touch(facts, fact);
        break;
      case "attr":
        if (fact.path === ROOT_PATH) facts.isRootTouched = true;
        touch(facts, fact);
        break;
      case "rename":
        addName(facts, fact.path, fact.directory);
        addName(facts, fact.to, fact.toDirectory);
        break;
      case "directory":
        addListing(facts, { node: fact.node ?? null, path: fact.path, recursive: fact.recursive, isUntold: fact.isUntold === true });
        break;
      case "lost":
        this.losses += 1;
        addListing(facts, { node: null, path: fact.path, recursive: true, isUntold: false });
        facts.isLost = true;
        break;
    }
    if (facts.names.size + facts.within.size + facts.directories.size + facts.inodes.size > PLACES_MAX) coarsen(facts);
  }

  #of(root: RootIndex): RootFacts {
    let facts = this.#byRoot.get(root);
    if (facts === undefined) {
      facts = { names: new Set(), within: new Map(), directories: new Map(), inodes: new Map(), isRootTouched: false, isLost: false };
      this.#byRoot.set(root, facts);
    }
    return facts;
  }
}

function addName(facts: RootFacts, path: BytePath, directory: NodeIdentity | null | undefined): void {
  if (directory === null || directory === undefined) {
    facts.names.add(path);
    return;
  }
  const key = `${directory.dev}:${directory.ino}`;
  const known = facts.within.get(key);
  if (known === undefined) facts.within.set(key, { directory, path: parentPath(path), names: new Set([baseName(path)]) });
  else if (known.names.size < NAMES_WITHIN_MAX) known.names.add(baseName(path));
  else addListing(facts, { node: directory, path: parentPath(path), recursive: false, isUntold: false });
}

function addListing(facts: RootFacts, listing: Listing): void {
  const { node, path } = listing;
  const key = node === null || path !== ROOT_PATH ? path : `/${node.dev}:${node.ino}`;
  const known = facts.directories.get(key);
  if (known === undefined) {
    facts.directories.set(key, listing);
    return;
  }
  known.recursive ||= listing.recursive;
  known.isUntold ||= listing.isUntold;
}

function touch(facts: RootFacts, fact: Extract<CaptureFact, { kind: "content" | "attr" }>): void {
  if (fact.isNamed === true) addName(facts, fact.path, fact.directory);
  const { node, path } = fact;
  const isWritten = fact.kind === "content";
  const isModified = fact.kind === "content" && fact.isModified;
  const isClosed = fact.kind === "content" && fact.isClosed;
  const key = node === null ? `/${path}` : `${node.dev}:${node.ino}:${path}`;
  const known = facts.inodes.get(key);
  if (known === undefined) {
    facts.inodes.set(key, { node, path, directory: fact.directory ?? null, isWritten, isModified, isClosed });
    return;
  }
  known.isWritten ||= isWritten;
  known.isModified ||= isModified;
  known.isClosed ||= isClosed;
}

/** Nothing is missed: it only costs a walk. */
function coarsen(facts: RootFacts): void {
  facts.names.clear();
  facts.within.clear();
  facts.directories.clear();
  facts.inodes.clear();
  addListing(facts, { node: null, path: ROOT_PATH, recursive: true, isUntold: false });
  facts.isLost = true;
}
