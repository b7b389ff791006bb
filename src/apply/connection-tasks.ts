// The tasks of one connection on its target: runs what comes in the order of its changes, each at most once. It outlives the channel:
// what was begun is waited for, whoever asks next.

import { toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { TaskChange } from "../model/change.js";
import { outcomeOf, type Program, type ProgramRun, type RunProgram, refusedRun, runText, type TaskResult, UNWAITED_MS_MAX, WHY_MAX } from "../model/task.js";
import type { TargetTerms } from "./target-terms.js";
import { TaskBook } from "./task-book.js";

export interface ConnectionTasksOptions {
  readonly stateDirectory: string;
  readonly terms: Pick<TargetTerms, "connectionId" | "peer" | "repset" | "mappings">;
  readonly run: RunProgram;
  readonly log: Log;
}

/** A task, and what its set does to the copy that the target is. */
export interface DueTask {
  readonly task: TaskChange;
  /** Why the target is not as the source was at one moment; null = it is. */
  readonly doubt: string | null;
}

/** What comes while so many that came before still run is refused. */
const RECEIVING_MAX = 1000;
const UNWAITED_MAX = 8;

export class ConnectionTasks {
  readonly #options: ConnectionTasksOptions;
  readonly #stop = new AbortController();
  #book: TaskBook | null = null;
  /** Of those that were decided on here. */
  readonly #receiving = new Map<number, Promise<ProgramRun>>();
  readonly #deciding = new Map<number, Promise<TaskResult>>();
  /** What came runs one after the other. */
  #lastReceived: Promise<unknown> = Promise.resolve();
  #unwaited = 0;

  constructor(options: ConnectionTasksOptions) {
    this.#options = options;
  }

  /** The task came: what is to run then begins. */
  receive(task: TaskChange): void {
    const { number, name, deed, onReceive } = task;
    if (deed !== "run" || onReceive === null || this.#receiving.has(number)) return;
    const received = this.#receive(task, onReceive).catch((error: unknown) => refusedRun("receive", toSmError(error).message));
    this.#receiving.set(number, received);
    void received.then((run) => this.#log(name, number, run));
  }

  async #receive({ number, name, timeoutMs }: TaskChange, program: Program): Promise<ProgramRun> {
    const book = this.#open();
    if (book.hasReceived(number) || book.isHandled(number)) return { ...started("receive"), outcome: "interrupted", why: BEGUN_BEFORE };
    book.received(number);
    if (this.#receiving.size >= RECEIVING_MAX) return refusedRun("receive", "too many tasks that have come wait here");
    const order = { program, phase: "receive", environment: this.#environment(name, "receive"), timeoutMs: limitOf(timeoutMs) } as const;
    const run = this.#lastReceived.then(() => this.#options.run(order, this.#stop.signal));
    this.#lastReceived = run;
    return run;
  }

  /** All that was before it is applied. The same task is decided on once; a second call gives the same result. */
  take(due: DueTask): Promise<TaskResult> {
    const { number } = due.task;
    const known = this.#deciding.get(number);
    if (known !== undefined) return known;
    const deciding = this.#decide(due).catch((error: unknown): TaskResult => {
      const why = toSmError(error).message.slice(0, WHY_MAX);
      return { number, outcome: "unknown", why, runs: [] };
    });
    this.#deciding.set(number, deciding);
    void deciding.then((result) => {
      this.#deciding.delete(number);
      this.#receiving.delete(number);
      if (result.outcome !== "done") this.#options.log.warn(`task ${number} (${due.task.name}): ${result.outcome}: ${result.why}`, this.#where);
    });
    return deciding;
  }

  async #decide({ task, doubt }: DueTask): Promise<TaskResult> {
    const { number, deed } = task;
    const book = this.#open();
    if (book.isHandled(number)) return book.resultOf(number);
    const receiving = this.#receiving.get(number);
    const wasReceived = receiving !== undefined || book.hasReceived(number);
    if (deed === "close") return this.#end(book, { number, outcome: wasReceived ? "unknown" : "discarded", why: CLOSED, runs: [] });
    const isRefused = doubt !== null && task.onExecute !== null;
    book.begin(number);
    const received = receiving === undefined ? [] : [task.timeoutMs === 0 ? started("receive") : await receiving];
    if (isRefused)
      return this.#end(book, { number, outcome: "discarded", why: `the target is not as the source was: ${doubt}`.slice(0, WHY_MAX), runs: received });
    const executed = task.onExecute === null ? [] : [await this.#execute(task)];
    const runs = [...received, ...executed];
    return this.#end(book, { number, ...outcomeOf(runs), runs });
  }

  async #execute(task: TaskChange): Promise<ProgramRun> {
    const { number, name, onExecute: program, timeoutMs } = task;
    const phase = "execute";
    if (program === null) return started(phase);
    const run = (): Promise<ProgramRun> =>
      this.#options.run({ program, phase, environment: this.#environment(name, phase), timeoutMs: limitOf(timeoutMs) }, this.#stop.signal);
    if (timeoutMs !== 0) {
      const ended = await run();
      this.#log(name, number, ended);
      return ended;
    }
    if (this.#unwaited >= UNWAITED_MAX) return refusedRun(phase, `${UNWAITED_MAX} tasks that nobody waits for run here already`);
    this.#unwaited += 1;
    void run().then((ended) => {
      this.#unwaited -= 1;
      this.#log(name, number, ended);
    });
    return started(phase);
  }

  #end(book: TaskBook, result: TaskResult): TaskResult {
    book.end(result);
    return result;
  }

  #open(): TaskBook {
    this.#book ??= TaskBook.open(this.#options.stateDirectory);
    return this.#book;
  }

  #environment(name: string, phase: string): Readonly<Record<string, string>> {
    const { connectionId, peer, repset, mappings } = this.#options.terms;
    const paths = { SM_SOURCE_PATHS: mappings.map(({ source }) => source).join(":"), SM_TARGET_PATHS: mappings.map(({ target }) => target).join(":") };
    return { SM_TASK_NAME: name, SM_PHASE: phase, SM_ROLE: "target", SM_CONNECTION: String(connectionId), SM_SET: repset, SM_PEER: peer, ...paths };
  }

  get #where(): { readonly repset: string; readonly source: string } {
    return { repset: this.#options.terms.repset, source: this.#options.terms.peer };
  }

  #log(name: string, number: number, run: ProgramRun): void {
    const isFine = run.outcome === "exited" && run.exitCode === 0;
    this.#options.log[isFine ? "info" : "warn"](`task ${number} (${name}): ${runText(run)}`, this.#where);
  }

  /** Ends what runs. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([...this.#deciding.values(), ...this.#receiving.values()]);
  }
}

const BEGUN_BEFORE = "it was begun before the agent of the target was started, and does not run again";
const CLOSED = "its place in the order was lost with what was queued: it does not run at another";

function limitOf(timeoutMs: number | null): number | null {
  return timeoutMs === 0 ? UNWAITED_MS_MAX : timeoutMs;
}

function started(phase: ProgramRun["phase"]): ProgramRun {
  return { phase, outcome: "started", exitCode: null, signal: null, output: "", why: "", ms: 0 };
}
