import type { ProblemReport } from "../model/status.js";

const KEPT_MAX = 1000;

/** Files that could not be carried over: the last state per path, bounded. */
export class ProblemBook {
  readonly #byPath = new Map<string, ProblemReport>();
  count = 0;

  add(problem: ProblemReport): void {
    if (!this.#byPath.has(problem.path)) this.count += 1;
    this.#byPath.delete(problem.path);
    this.#byPath.set(problem.path, problem);
    if (this.#byPath.size <= KEPT_MAX) return;
    const oldest = this.#byPath.keys().next().value;
    if (oldest !== undefined) this.#byPath.delete(oldest);
  }

  /** A mirror that began at `sinceIso` tried everything again: older problems are settled. */
  keepSince(sinceIso: string): void {
    for (const [path, problem] of this.#byPath) if (problem.at < sinceIso) this.#byPath.delete(path);
    this.count = this.#byPath.size;
  }

  list(): readonly ProblemReport[] {
    return [...this.#byPath.values()];
  }
}
