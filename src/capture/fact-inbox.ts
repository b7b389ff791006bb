// Facts waiting to be looked at, merged by place: many events about one name cost one look. Bounded: a storm coarsens
// to "compare everything below the root", it is never dropped.

import type { BytePath } from "../model/byte-path.js";
import { ROOT_PATH } from "../model/byte-path.js";
import type { CaptureFact, NodeIdentity } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";

const PLACES_MAX = 200_000;

/** An inode that was written to, or whose attributes changed, by whatever name. */
export interface TouchedInode {
  /** null = the fact told only a name. */
  readonly node: NodeIdentity | null;
  /** Where it was; "" = not known. */
  readonly path: BytePath;
  /** Content, not attributes alone. */
  isWritten: boolean;
  /** Written to, not only closed by a writer. */
  isModified: boolean;
}

export interface RootFacts {
  readonly names: Set<BytePath>;
  /** Directories to list; true = with all below. */
  readonly directories: Map<BytePath, boolean>;
  readonly inodes: Map<string, TouchedInode>;
  /** Entries came to, or went from, the root itself. */
  isRootTouched: boolean;
  /** What is known of changes of content is not all. */
  isLost: boolean;
  /** Places moved, were listed as a whole, or may have changed unseen: what was seen by path at that time proves nothing. */
  isUpheaved: boolean;
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
        facts.names.add(fact.path);
        break;
      case "content":
        touch(facts, fact, true, fact.isModified);
        break;
      case "attr":
        if (fact.path === ROOT_PATH) facts.isRootTouched = true;
        touch(facts, fact, false, false);
        break;
      case "rename":
        facts.names.add(fact.path).add(fact.to);
        facts.isUpheaved = true;
        break;
      case "directory":
        facts.directories.set(fact.path, fact.recursive || facts.directories.get(fact.path) === true);
        facts.isUpheaved = true;
        break;
      case "lost":
        this.losses += 1;
        facts.directories.set(fact.path, true);
        facts.isLost = true;
        facts.isUpheaved = true;
        break;
    }
    if (facts.names.size + facts.directories.size + facts.inodes.size > PLACES_MAX) coarsen(facts);
  }

  #of(root: RootIndex): RootFacts {
    let facts = this.#byRoot.get(root);
    if (facts === undefined) {
      facts = { names: new Set(), directories: new Map(), inodes: new Map(), isRootTouched: false, isLost: false, isUpheaved: false };
      this.#byRoot.set(root, facts);
    }
    return facts;
  }
}

function touch(
  facts: RootFacts,
  { node, path }: { readonly node: NodeIdentity | null; readonly path: BytePath },
  isWritten: boolean,
  isModified: boolean,
): void {
  const key = node === null ? `/${path}` : `${node.dev}:${node.ino}:${path}`;
  const known = facts.inodes.get(key);
  if (known === undefined) {
    facts.inodes.set(key, { node, path, isWritten, isModified });
    return;
  }
  known.isWritten ||= isWritten;
  known.isModified ||= isModified;
}

/** Nothing is missed: it only costs a walk. */
function coarsen(facts: RootFacts): void {
  facts.names.clear();
  facts.directories.clear();
  facts.inodes.clear();
  facts.directories.set(ROOT_PATH, true);
  facts.isLost = true;
  facts.isUpheaved = true;
}
