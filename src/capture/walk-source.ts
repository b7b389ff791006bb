// Tier 5: no events at all, only a periodic walk (network file systems, or by configuration).

import { ROOT_PATH } from "../model/byte-path.js";
import type { CaptureCoverage, CaptureFact, CaptureScope, CaptureSource } from "../model/capture-port.js";
import { FactBuffer } from "./fact-buffer.js";

export interface WalkSourceOptions {
  readonly scope: CaptureScope;
  readonly walkSeconds: number;
}

export class WalkSource implements CaptureSource {
  readonly #options: WalkSourceOptions;
  readonly #facts = new FactBuffer();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: WalkSourceOptions) {
    this.#options = options;
  }

  async arm(): Promise<void> {
    this.#timer = setInterval(() => {
      for (const { index } of this.#options.scope.roots) this.#facts.add({ kind: "directory", root: index, path: ROOT_PATH, recursive: true });
    }, this.#options.walkSeconds * 1000);
  }

  take(max: number): CaptureFact[] {
    return this.#facts.take(max);
  }

  onFacts(listener: () => void): void {
    this.#facts.onFacts = listener;
  }

  coverage(): CaptureCoverage {
    return {
      tier: 5,
      source: "walk",
      why: "configured, or the file system reports no events",
      blindSpots: [`changes are seen at the next walk, every ${this.#options.walkSeconds} s`, "a file that comes and goes between two walks is never seen"],
      directoriesWatched: 0,
      directoriesTotal: 0,
      walkSeconds: this.#options.walkSeconds,
      advice: null,
      events: this.#facts.events,
      losses: 0,
    };
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
