// Facts on their way out of a source: merged by place, bounded; a flood becomes "lost", which is a known place to look.

import { ROOT_PATH } from "../model/byte-path.js";
import type { CaptureFact } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";

const FACTS_MAX = 100_000;

export class FactBuffer {
  #facts = new Map<string, CaptureFact>();
  #listener: () => void = () => undefined;
  events = 0;

  set onFacts(listener: () => void) {
    this.#listener = listener;
  }

  add(fact: CaptureFact): void {
    this.events += 1;
    const wasEmpty = this.#facts.size === 0;
    const recursive = fact.kind === "directory" && fact.recursive;
    this.#facts.set(`${fact.kind}${recursive ? "+" : ""}:${fact.root}:${fact.path}`, fact);
    if (this.#facts.size > FACTS_MAX) this.#collapse();
    if (wasEmpty) this.#listener();
  }

  #collapse(): void {
    const roots = new Set<RootIndex>();
    for (const fact of this.#facts.values()) roots.add(fact.root);
    this.#facts = new Map([...roots].map((root) => [`lost:${root}`, { kind: "lost", root, path: ROOT_PATH, reason: "more events than memory for them" }]));
  }

  take(max: number): CaptureFact[] {
    const out: CaptureFact[] = [];
    for (const [key, fact] of this.#facts) {
      if (out.length >= max) break;
      out.push(fact);
      this.#facts.delete(key);
    }
    return out;
  }
}
