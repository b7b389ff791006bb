// Picks the capture source of a set: the one that is configured, or the best that works on every root, and why no better one.

import type { CaptureCoverage, CaptureFact, CaptureScope, CaptureSource } from "../model/capture-port.js";
import type { CaptureChoice } from "../model/source-messages.js";
import { ChokidarSource } from "./chokidar-source.js";
import { probeFanotify } from "./fanotify-probe.js";
import { FanotifySource } from "./fanotify-source.js";
import type { FeedBoard } from "./feed-board.js";
import { WalkSource } from "./walk-source.js";

export interface ChooseOptions {
  readonly scope: CaptureScope;
  readonly watchesMax: number | null;
  readonly walkSeconds: number;
  /** The built poll-worker.js. */
  readonly pollWorker: URL;
  /** Of the process. */
  readonly board: FeedBoard;
}

/** What inotify has no watches left for is walked more often than the whole set. */
const UNCOVERED_WALK_SECONDS_MAX = 10;

export type Choice =
  /** To be read in the thread that works on its facts. */
  | { readonly kind: "fanotify" }
  /** To be run in a thread of its own. `why`: no better one; null = it is what was asked for. */
  | { readonly kind: "chokidar" | "walk"; readonly why: string | null };

export function chooseKind(choice: CaptureChoice, scope: CaptureScope): Choice {
  if (choice === "fanotify") return { kind: choice };
  if (choice !== "auto") return { kind: choice, why: null };
  const reason = whyNotFanotify(scope);
  return reason === null ? { kind: "fanotify" } : { kind: "chokidar", why: `no fanotify: ${reason}` };
}

/** UNSUPPORTED, with the reason, when it cannot be had. */
export function openFanotify({ scope, walkSeconds, pollWorker, board }: Omit<ChooseOptions, "watchesMax">): Promise<FanotifySource> {
  return FanotifySource.open({ scope, walkSeconds, pollWorker, board });
}

export async function openWatcher(kind: "chokidar" | "walk", why: string | null, options: Omit<ChooseOptions, "pollWorker" | "board">): Promise<CaptureSource> {
  const { scope, watchesMax, walkSeconds } = options;
  if (kind === "walk") return new WalkSource({ scope, walkSeconds });
  const seconds = Math.min(walkSeconds || UNCOVERED_WALK_SECONDS_MAX, UNCOVERED_WALK_SECONDS_MAX);
  const source = await ChokidarSource.open({ scope, watchesMax, walkSeconds: seconds });
  return why === null ? source : new SecondBest(source, why);
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
