// The tasks of a connection on its source: each is put behind all that was there when it was asked for, sent in its turn, and reported
// with what the target says became of it. On record before anything is begun, so that none runs twice; a task whose place was lost
// with what was queued is closed on the target, and does not run at another.

import { type ErrorCode, SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { ROOT_PATH } from "../model/byte-path.js";
import type { Answer, TaskChange } from "../model/change.js";
import type { SourceChannel } from "../model/channel-port.js";
import type { SourceEvent, SourceFeed } from "../model/source-messages.js";
import { outcomeOf, type Program, type RunProgram, refusedRun, runText, type TaskReport, type TaskResult, type TaskWish, WHY_MAX } from "../model/task.js";
import type { ConnectionRecord } from "./connection-record.js";
import { SourcePrograms } from "./source-programs.js";
import { NO_TASK_FILE, reportTask, type TaskFile, type TaskRecord } from "./task-record.js";

export interface TaskTerms {
  readonly file: TaskFile;
  save(file: TaskFile): void;
  readonly run: RunProgram;
  /** Why the program would not be run on this server; null = it would be. */
  refusal(program: Program): string | null;
}

/** The connection as its tasks see it. */
export interface TaskedConnection {
  readonly id: number;
  readonly record: ConnectionRecord;
  readonly channel: Pick<SourceChannel, "tasks"> | null;
  /** Whether the target is a copy, as far as the source knows. */
  readonly claim: { readonly fromSeq: number | null; readonly why: string };
  readonly appliedSeq: number;
  readonly sentSeq: number;
  readonly options: { readonly feed: Pick<SourceFeed, "insert">; readonly log: Log; readonly onChange: () => void };
}

const OPEN_MAX = 100;
const ENDED_KEPT = 100;
const LOST = "its place in the order is gone";
const NO_REST = "the source found no moment of rest behind which the task could be put";

export const NO_TERMS: TaskTerms = {
  file: NO_TASK_FILE,
  save: () => undefined,
  run: async ({ phase }) => refusedRun(phase, "no programs are run here"),
  refusal: () => "no programs are run here",
};

export class TaskDuty {
  readonly #connection: TaskedConnection;
  readonly #terms: TaskTerms;
  readonly #programs: SourcePrograms;
  readonly #tasks = new Map<number, TaskRecord>();
  /** Being put into the order, or asked about. */
  readonly #placing = new Set<number>();
  #lastNumber: number;
  /** The state directory cannot be written: what is known is kept here until it can. */
  #isUnsaved = false;

  constructor(connection: TaskedConnection, terms: TaskTerms = NO_TERMS) {
    this.#connection = connection;
    this.#terms = terms;
    this.#lastNumber = terms.file.lastNumber;
    for (const task of terms.file.tasks) this.#tasks.set(task.number, task);
    this.#programs = new SourcePrograms({ connection, run: terms.run, keep: (number, part) => this.#keep(number, part), task: (number) => this.#get(number) });
  }

  /** Newest first. */
  reports(): readonly TaskReport[] {
    return [...this.#tasks.values()].map((task) => this.#report(task)).reverse();
  }

  report(number: number): TaskReport {
    return this.#report(this.#get(number));
  }

  #report(task: TaskRecord): TaskReport {
    return reportTask(this.#connection.id, task, this.#connection.sentSeq);
  }

  #get(number: number): TaskRecord {
    const task = this.#tasks.get(number);
    if (task === undefined) throw new SmError("NOT_FOUND", `connection ${this.#connection.id} has no task ${number}`);
    return task;
  }

  /** Resolves when it has its place. Rejects when it would not be run. */
  async queue(wish: TaskWish): Promise<TaskReport> {
    this.#check(wish);
    const number = this.#add(wish);
    await this.#insert(this.#get(number), "run", () => this.#end(number, { outcome: "discarded", why: NO_REST }));
    const report = this.report(number);
    if (report.outcome === "discarded") throw new SmError("TIMEOUT", `task ${wish.name}: ${report.why}; nothing of it was run`, { data: { task: number } });
    return report;
  }

  #check({ onQueue, onTransmit, onReceive, onExecute }: TaskWish): void {
    const { id, record } = this.#connection;
    const fail = (code: ErrorCode, why: string): never => {
      throw new SmError(code, `connection ${id}: ${why}`);
    };
    if (record.isSimulated === true) fail("SIMULATION", "there is no target, and no order of changes that are applied");
    if (!record.options.replicate) fail("UNSUPPORTED", "it does not replicate, so there is no order that a task could have a place in");
    for (const program of [onQueue, onTransmit]) {
      const why = program === null ? null : this.#terms.refusal(program);
      if (why !== null) fail("TASKS_OFF", why);
    }
    if (onReceive !== null || onExecute !== null) this.#checkTarget();
    if (onExecute !== null && this.#connection.claim.fromSeq === null) fail("NOT_A_COPY", `the target is no copy: ${this.#connection.claim.why}`);
    if ([...this.#tasks.values()].filter(({ endedAt }) => endedAt === null).length >= OPEN_MAX) fail("JOB_CONFLICT", `${OPEN_MAX} tasks wait already`);
  }

  /** Throws when the target would run nothing, or cannot be asked. */
  #checkTarget(): void {
    const { id, channel } = this.#connection;
    if (channel === null) throw new SmError("CHANNEL_LOST", `connection ${id} has no link to its target: whether that runs tasks is not known`);
    if (channel.tasks === null) throw new SmError("UNSUPPORTED", `the target of connection ${id} is of a version that knows no tasks`);
    if (channel.tasks === "off") throw new SmError("TASKS_OFF", `the target of connection ${id} runs no tasks`);
  }

  /** On record, and without a place. Returns its number; throws FS_IO when it cannot be put on record. */
  #add(wish: TaskWish): number {
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    const fresh = { begun: [], isClosing: false, outcome: null, why: "", runs: [], endedAt: null, seq: null, closeSeq: null };
    this.#tasks.set(number, { ...wish, ...fresh, number, epoch: this.#connection.record.epoch, queuedAt: new Date().toISOString() });
    if (this.#save()) return number;
    this.#tasks.delete(number);
    throw new SmError("FS_IO", `task ${wish.name} cannot be put on record, so nothing of it is begun: see the log`, { data: { task: number } });
  }

  async #insert(task: TaskRecord, deed: TaskChange["deed"], onNoPlace: () => void): Promise<void> {
    const { number, name, onReceive, onExecute, timeoutMs } = task;
    const { id, options } = this.#connection;
    if (this.#placing.has(number)) return;
    this.#placing.add(number);
    const programs = { onReceive, onExecute, timeoutMs };
    try {
      const seq = await options.feed.insert(id, { op: "task", root: 0, path: ROOT_PATH, deed, number, name, ...programs });
      if (seq === null) onNoPlace();
    } catch (error) {
      // The source worker ended, or the agent stops. Whether it had its place is asked on the target.
      options.log.warn(`task ${number} (${name}) has no certain place: ${toSmError(error).message}`, { connection: id });
    } finally {
      this.#placing.delete(number);
    }
  }

  /** A set of it was made: before it can be sent. */
  noteSet(event: Extract<SourceEvent, { kind: "set" }>): void {
    const { record, claim } = this.#connection;
    if (event.task === undefined || event.connectionId !== this.#connection.id) return;
    const task = this.#tasks.get(event.task.number);
    if (task === undefined || task.endedAt !== null) return;
    const { seq } = event;
    this.#keep(task.number, { ...(event.task.deed === "run" ? { seq } : { closeSeq: seq }), epoch: record.epoch });
    if (event.task.deed === "run" && needsCopy(task) && claim.fromSeq === null) this.#lose(task, `the target was no copy any more: ${claim.why}`);
    else if (task.onQueue !== null && !task.isClosing && !task.begun.includes("queue")) void this.#programs.run(task.number, "queue");
  }

  /** Whether set `seq` may go: what is to run before it has run then. False also when the signal aborts. */
  async mayGo(seq: number, signal: AbortSignal): Promise<boolean> {
    const { record, channel } = this.#connection;
    const task = [...this.#tasks.values()].find((one) => (one.seq === seq || one.closeSeq === seq) && one.epoch === record.epoch);
    if (task === undefined) return true;
    if (channel?.tasks == null) {
      this.#end(task.number, { outcome: "discarded", why: "the target is of a version that knows no tasks" });
      return false;
    }
    if (task.closeSeq === seq || task.endedAt !== null) return true;
    if (task.isClosing) return false;
    await this.#programs.before(task.number, signal);
    return !signal.aborted;
  }

  take(answers: readonly Answer[]): void {
    for (const answer of answers) if (answer.kind === "task") this.#takeResult(answer.result);
  }

  #takeResult({ number, outcome, why, runs }: TaskResult): void {
    const task = this.#tasks.get(number);
    if (task === undefined || task.endedAt !== null) return;
    const own = outcomeOf(task.runs);
    const isOwnBad = outcome === "done" && own.outcome !== "done";
    const said = { outcome, why: task.isClosing && outcome === "discarded" && task.why !== "" ? task.why : why };
    this.#end(number, { ...(isOwnBad ? own : said), runs: [...task.runs, ...runs] });
  }

  /** Of what was before the tasks that wait something was given up, or is not known to the target: at their place it is no copy. */
  lose(why: string): void {
    for (const task of this.#tasks.values()) if (task.endedAt === null && needsCopy(task)) this.#lose(task, why);
  }

  #lose({ number, isClosing }: TaskRecord, why: string): void {
    if (!isClosing) this.#keep(number, { isClosing: true, why: why.slice(0, WHY_MAX) });
  }

  /** Asks what became of those that are gone from the queue and were not answered for. */
  look(): void {
    const { record, channel, appliedSeq } = this.#connection;
    if (this.#isUnsaved) this.#save();
    if (channel?.tasks == null) return;
    for (const task of this.#tasks.values()) {
      if (task.endedAt !== null || this.#placing.has(task.number)) continue;
      const seq = task.isClosing ? task.closeSeq : task.seq;
      const isOnItsWay = seq !== null && task.epoch === record.epoch && seq > appliedSeq;
      if (isOnItsWay) continue;
      this.#lose(task, LOST);
      void this.#insert(task, "close", () => undefined);
    }
  }

  #end(number: number, part: Pick<TaskRecord, "outcome" | "why"> & Partial<TaskRecord>): void {
    const { id, options } = this.#connection;
    this.#keep(number, { ...part, endedAt: new Date().toISOString() });
    const { name, runs } = this.#get(number);
    const fields = { connection: id, runs: runs.map(runText).join("; ") };
    if (part.outcome === "done") options.log.info(`task ${number} (${name}) is done`, fields);
    else options.log.warn(`task ${number} (${name}): ${part.outcome}: ${part.why}`, fields);
    const ended = [...this.#tasks.values()].filter(({ endedAt }) => endedAt !== null);
    for (const old of ended.slice(0, Math.max(0, ended.length - ENDED_KEPT))) this.#tasks.delete(old.number);
    this.#save();
    options.onChange();
  }

  #keep(number: number, part: Partial<TaskRecord>): boolean {
    this.#tasks.set(number, { ...this.#get(number), ...part });
    return this.#save();
  }

  /** False: it is not on disk. Who calls may be a handler of events, which a full disk must not end. */
  #save(): boolean {
    const { id, options } = this.#connection;
    try {
      this.#terms.save({ lastNumber: this.#lastNumber, tasks: [...this.#tasks.values()] });
      this.#isUnsaved = false;
    } catch (error) {
      const { code, message } = toSmError(error);
      if (!this.#isUnsaved)
        options.log.error(`the tasks of connection ${id} cannot be saved, and nothing of them is begun: ${message}`, { connection: id, code });
      this.#isUnsaved = true;
    }
    return !this.#isUnsaved;
  }

  /** Ends what runs. */
  close(): Promise<void> {
    return this.#programs.close();
  }
}

/** It is to run where the target is as the source was. */
function needsCopy({ onExecute }: TaskRecord): boolean {
  return onExecute !== null;
}
