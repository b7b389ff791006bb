// What tasks run on the source: when they have their place, and just before they go. Begun once; after a restart it is said that the
// end is not known.

import { type Phase, type ProgramRun, type RunProgram, refusedRun, UNWAITED_MS_MAX } from "../model/task.js";
import type { ConnectionRecord } from "./connection-record.js";
import type { TaskRecord } from "./task-record.js";

export interface SourceProgramsOptions {
  readonly connection: { readonly id: number; readonly record: ConnectionRecord };
  readonly run: RunProgram;
  readonly task: (number: number) => TaskRecord;
  /** False: it is not on disk. */
  readonly keep: (number: number, part: Partial<TaskRecord>) => boolean;
}

type SourcePhase = "queue" | "transmit";

export class SourcePrograms {
  readonly #options: SourceProgramsOptions;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Promise<void>>();

  constructor(options: SourceProgramsOptions) {
    this.#options = options;
  }

  /** Resolves when what runs before it goes has run, or the signal aborts: then it goes on, and who asks next waits for it. */
  async before(number: number, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([this.run(number, "queue"), aborted]);
    if (!signal.aborted) await Promise.race([this.run(number, "transmit"), aborted]);
  }

  /** The same phase of a task runs once; a second call waits for the first. */
  run(number: number, phase: SourcePhase): Promise<void> {
    const key = `${number} ${phase}`;
    const running = this.#running.get(key) ?? this.#run(number, phase);
    this.#running.set(key, running);
    return running;
  }

  async #run(number: number, phase: SourcePhase): Promise<void> {
    const { task, keep, run } = this.#options;
    const { name, begun, onQueue, onTransmit, timeoutMs, runs } = task(number);
    const program = phase === "queue" ? onQueue : onTransmit;
    if (program === null) return;
    if (begun.includes(phase)) {
      if (!runs.some((one) => one.phase === phase)) this.#note(number, { ...without(phase), outcome: "interrupted", why: "the agent ended while it ran" });
      return;
    }
    // What is not on record would run again after a restart.
    if (!keep(number, { begun: [...begun, phase] })) return this.#note(number, refusedRun(phase, "that it was begun cannot be put on record"));
    const order = {
      program,
      phase,
      environment: environmentOf(this.#options.connection, name, phase),
      timeoutMs: timeoutMs === 0 ? UNWAITED_MS_MAX : timeoutMs,
    };
    const ending = run(order, this.#stop.signal);
    this.#note(number, timeoutMs === 0 ? { ...without(phase), outcome: "started" } : await ending);
  }

  #note(number: number, run: ProgramRun): void {
    this.#options.keep(number, { runs: [...this.#options.task(number).runs, run] });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running.values());
  }
}

export function environmentOf(
  { id, record }: { readonly id: number; readonly record: ConnectionRecord },
  name: string,
  phase: Phase,
): Readonly<Record<string, string>> {
  const { repset, peer, mappings } = record;
  const paths = { SM_SOURCE_PATHS: mappings.map(({ source }) => source).join(":"), SM_TARGET_PATHS: mappings.map(({ target }) => target).join(":") };
  return { SM_TASK_NAME: name, SM_PHASE: phase, SM_ROLE: "source", SM_CONNECTION: String(id), SM_SET: repset, SM_PEER: peer, ...paths };
}

function without(phase: Phase): Omit<ProgramRun, "outcome"> {
  return { phase, exitCode: null, signal: null, output: "", why: "", ms: 0 };
}
