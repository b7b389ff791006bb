// Picks the capture source of a set: the one that is configured, or the best that works on every root, and why no better one.

import type { CaptureCoverage, CaptureFact, CaptureScope, CaptureSource } from "../model/capture-port.js";
import type { CaptureChoice } from "../model/source-messages.js";
import { ChokidarSource } from "./chokidar-source.js";
import { probeFanotify } from "./fanotify-probe.js";
import { FanotifySource } from "./fanotify-source.js";
import { WalkSource } from "./walk-source.js";

export interface ChooseOptions {
  readonly choice: CaptureChoice;
  readonly scope: CaptureScope;
  readonly watchesMax: number | null;
  readonly walkSeconds: number;
  /** The built poll-worker.js. */
  readonly pollWorker: URL;
}

/** What inotify has no watches left for is walked more often than the whole set. */
const UNCOVERED_WALK_SECONDS_MAX = 10;

export async function chooseSource(options: ChooseOptions): Promise<CaptureSource> {
  const { choice, scope, watchesMax, pollWorker } = options;
  const walkSeconds = Math.min(options.walkSeconds || UNCOVERED_WALK_SECONDS_MAX, UNCOVERED_WALK_SECONDS_MAX);
  switch (choice) {
    case "walk":
      return new WalkSource({ scope, walkSeconds: options.walkSeconds });
    case "chokidar":
      return ChokidarSource.open({ scope, watchesMax, walkSeconds });
    case "fanotify":
      return FanotifySource.open({ scope, walkSeconds: options.walkSeconds, pollWorker });
    case "auto": {
      const reason = whyNotFanotify(scope);
      if (reason === null) return FanotifySource.open({ scope, walkSeconds: options.walkSeconds, pollWorker });
      return new SecondBest(await ChokidarSource.open({ scope, watchesMax, walkSeconds }), `no fanotify: ${reason}`);
    }
  }
}

function whyNotFanotify(scope: CaptureScope): string | null {
  for (const { path } of scope.roots) {
    const probe = probeFanotify(path);
    if (probe.kind === "unusable") return `${path}: ${probe.reason}`;
  }
  return null;
}

/** A source that says why it is not a better one. */
class SecondBest implements CaptureSource {
  readonly #source: CaptureSource;
  readonly #reason: string;

  constructor(source: CaptureSource, reason: string) {
    this.#source = source;
    this.#reason = reason;
  }

  arm(): Promise<void> {
    return this.#source.arm();
  }

  take(max: number): CaptureFact[] {
    return this.#source.take(max);
  }

  onFacts(listener: () => void): void {
    this.#source.onFacts(listener);
  }

  coverage(): CaptureCoverage {
    const coverage = this.#source.coverage();
    return { ...coverage, why: `${coverage.why} (${this.#reason})` };
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}
