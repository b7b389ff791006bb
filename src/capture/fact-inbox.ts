// Facts waiting to be looked at, merged by place: many events about one name cost one look. Bounded: a storm coarsens
// to "compare everything below the root", it is never dropped.

import type { BytePath } from "../model/byte-path.js";
import { ROOT_PATH } from "../model/byte-path.js";
import type { CaptureFact } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";

const PLACES_MAX = 200_000;

export interface RootFacts {
  readonly names: Set<BytePath>;
  /** Directories to list; true = with all below. */
  readonly directories: Map<BytePath, boolean>;
}

export class FactInbox {
  #byRoot = new Map<RootIndex, RootFacts>();
  events = 0;
  losses = 0;

  get isEmpty(): boolean {
    return this.#byRoot.size === 0;
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
      case "content":
      case "attr":
        facts.names.add(fact.path);
        break;
      case "rename":
        facts.names.add(fact.path).add(fact.to);
        break;
      case "directory":
        facts.directories.set(fact.path, fact.recursive || facts.directories.get(fact.path) === true);
        break;
      case "lost":
        this.losses += 1;
        facts.directories.set(fact.path, true);
        break;
    }
    if (facts.names.size + facts.directories.size > PLACES_MAX) {
      facts.names.clear();
      facts.directories.clear();
      facts.directories.set(ROOT_PATH, true);
    }
  }

  #of(root: RootIndex): RootFacts {
    let facts = this.#byRoot.get(root);
    if (facts === undefined) {
      facts = { names: new Set(), directories: new Map() };
      this.#byRoot.set(root, facts);
    }
    return facts;
  }
}
