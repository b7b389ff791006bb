// The hooks of one connection's mirrors: what runs at their beginning and their end, one after the other, and what a mirror waits for.
//   begin, ended ─▶ queue ─▶ program ─▶ end: on record, in the log        mirror ◀─ delaying hooks in front of it have ended

import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { type Deferred, defer, delay } from "../base/wait.js";
import {
  HOOK_QUEUE_MAX,
  HOOKS_MAX,
  type Hook,
  type HookEvent,
  type HookedMirror,
  type HookFile,
  type HookRecord,
  type HookReport,
  isHookFine,
  isSameHook,
  type MirrorEnd,
  NO_HOOK_FILE,
} from "../model/hook.js";
import { endText, type Program, type ProgramEnd, type RunCommand, refusedEnd } from "../model/task.js";
import type { ConnectionRecord } from "./connection-record.js";

export interface HookTerms {
  readonly file: HookFile;
  save(file: HookFile): void;
  readonly run: RunCommand;
  /** Why the program would not be run on this server; null = it would be. */
  refusal(program: Program): string | null;
}

export const NO_HOOK_TERMS: HookTerms = {
  file: NO_HOOK_FILE,
  save: () => undefined,
  run: async () => refusedEnd("no programs are run here"),
  refusal: () => "no programs are run here",
};

/** The connection as its hooks see it. */
export interface HookedConnection {
  readonly id: number;
  readonly record: ConnectionRecord;
  readonly options: { readonly log: Log; readonly onChange?: () => void };
}

interface Waiting {
  readonly hook: Hook;
  readonly mirror: HookedMirror;
  /** Of a mirror; null = of its beginning. */
  readonly mirrorEnd: MirrorEnd | null;
  readonly abort: AbortController;
  readonly ended: Deferred<ProgramEnd>;
  /** ISO 8601. */
  readonly queuedAt: string;
  /** ISO 8601; null = it has not begun. */
  startedAt: string | null;
}

/** What becomes of a mirror that waited. `mayBegin` false, without a fault: the agent ends, or the connection does. */
export interface HookVerdict {
  readonly mayBegin: boolean;
  readonly fault: string | null;
}

/** A hook that delays, as the mirror waits for it. */
export interface HookWait {
  readonly name: string;
  /** ISO 8601. */
  readonly since: string;
  /** ISO 8601; null = it has not begun: others run before it. */
  readonly until: string | null;
}

const OUTPUT_LOGGED = 1000;
/** How long the end of a connection waits for what runs at the end of its mirror. */
const LEAVE_MS = 30_000;

export class HookDuty {
  readonly #connection: HookedConnection;
  readonly #terms: HookTerms;
  #hooks: readonly HookRecord[];
  /** Whose hooks have not all run: of what was begun before the agent ended, they run anew. */
  #ends: readonly MirrorEnd[];
  #isResumed = false;
  readonly #queue: Waiting[] = [];
  #running: Promise<void> | null = null;
  #isClosed = false;
  /** A mirror is held by them. */
  #holds: readonly Waiting[] = [];

  constructor(connection: HookedConnection, terms: HookTerms = NO_HOOK_TERMS) {
    this.#connection = connection;
    this.#terms = terms;
    this.#hooks = terms.file.hooks;
    this.#ends = terms.file.ends;
  }

  reports(): readonly HookReport[] {
    return this.#hooks.map((hook) => this.#report(hook));
  }

  report(name: string): HookReport {
    return this.#report(this.#get(name));
  }

  #report(hook: HookRecord): HookReport {
    return { connectionId: this.#connection.id, ...hook, isRunning: this.#queue.some((waiting) => waiting.hook.name === hook.name) };
  }

  #get(name: string): HookRecord {
    const hook = this.#hooks.find((one) => one.name === name);
    if (hook === undefined) throw new SmError("NOT_FOUND", `connection ${this.#connection.id} has no hook ${name}`);
    return hook;
  }

  add(hook: Hook, isReplacing: boolean): HookReport {
    const { id } = this.#connection;
    this.#refuse(hook);
    const at = this.#hooks.findIndex(({ name }) => name === hook.name);
    const known = this.#hooks[at];
    if (known !== undefined && isSameHook(known, hook)) return this.#report(known);
    if (known !== undefined && !isReplacing) throw new SmError("ALREADY_EXISTS", `connection ${id} has another hook ${hook.name} (${known.event})`);
    if (known === undefined && this.#hooks.length >= HOOKS_MAX) throw new SmError("JOB_CONFLICT", `connection ${id} has ${HOOKS_MAX} hooks already`);
    const added = { ...hook, lastRun: null };
    this.#save(known === undefined ? [...this.#hooks, added] : this.#hooks.with(at, added));
    return this.#report(added);
  }

  /** These, in this order, and no others. One that is there already keeps what is known of it. Throws HOOK_REFUSED; nothing is changed then. */
  set(hooks: readonly Hook[]): void {
    const known = hooks.map((hook) => this.#hooks.find((one) => isSameHook(one, hook)));
    for (const [index, hook] of hooks.entries()) if (known[index] === undefined) this.#refuse(hook);
    this.#save(hooks.map((hook, index) => known[index] ?? { ...hook, lastRun: null }));
  }

  #refuse({ program }: Hook): void {
    const why = this.#terms.refusal(program);
    if (why !== null) throw new SmError("HOOK_REFUSED", `connection ${this.#connection.id}: ${why}`);
  }

  /** What runs of it goes on to its end. */
  remove(name: string): HookReport {
    const hook = this.#get(name);
    this.#save(this.#hooks.filter((one) => one !== hook));
    return this.#report(hook);
  }

  /** On disk first: what cannot be kept is not said to be there. */
  #save(hooks: readonly HookRecord[], ends = this.#ends): void {
    this.#terms.save({ hooks, ends });
    this.#hooks = hooks;
    this.#ends = ends;
    this.#connection.options.onChange?.();
  }

  /** What the mirror that is to begin waits for; null = nothing. */
  get wait(): HookWait | null {
    const held = this.#holds.find((one) => this.#queue.includes(one));
    if (held === undefined) return null;
    const { hook, queuedAt, startedAt } = held;
    const until = startedAt === null ? null : new Date(Date.parse(startedAt) + hook.timeoutSeconds * 1000).toISOString();
    return { name: hook.name, since: startedAt ?? queuedAt, until };
  }

  /** Runs what was to run at the end of a mirror when the agent ended. A second call does nothing. */
  resume(): void {
    if (this.#isResumed) return;
    this.#isResumed = true;
    for (const end of this.#ends) this.#enqueue(eventOf(end), end.mirror, end);
  }

  /** A mirror is to begin, and what an earlier one waited for is not waited for any more. Null: it may at once. */
  begin(mirror: HookedMirror): Promise<HookVerdict> | null {
    this.cancel();
    const own = this.#enqueue("mirror-start", mirror, null);
    this.#holds = [...new Set([...this.#queue, ...own])].filter(({ hook }) => hook.isDelaying);
    return this.#holds.length === 0 ? null : this.#held(this.#holds, own);
  }

  async #held(holds: readonly Waiting[], own: readonly Waiting[]): Promise<HookVerdict> {
    for (const held of holds) {
      const end = await held.ended.promise;
      if (this.#isClosed) return { mayBegin: false, fault: null };
      if (own.includes(held) && mustStop(held, end)) return { mayBegin: false, fault: `hook ${held.hook.name} ${endText(end)}: the mirror was not begun` };
    }
    return { mayBegin: true, fault: null };
  }

  /** It ended, and does not go on by itself. */
  ended(mirror: HookedMirror, result: "done" | "stopped" | "failed"): void {
    const { id, mode, problemCount, leftAlone } = mirror;
    const end: MirrorEnd = { mirror: { id, mode, problemCount, leftAlone }, result: result === "done" && problemCount > 0 ? "problems" : result };
    const event = eventOf(end);
    if (!this.#hooks.some((hook) => hook.event === event)) return;
    if (this.#ends.length < HOOK_QUEUE_MAX) this.#keep(this.#hooks, [...this.#ends, end]);
    this.#enqueue(event, end.mirror, end);
  }

  /** What runs at the beginning of a mirror is ended; nobody waits for it. */
  cancel(): void {
    this.#holds = [];
    for (const { hook, abort } of this.#queue) if (hook.event === "mirror-start") abort.abort();
  }

  /** Resolves when all has run, at the latest when its time is over. */
  async idle(): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.#running, delay(LEAVE_MS, over.signal)]);
    over.abort();
  }

  /** Ends what runs; nothing begins any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { abort } of this.#queue) abort.abort();
    await this.#running;
  }

  #enqueue(event: HookEvent, mirror: HookedMirror, mirrorEnd: MirrorEnd | null): readonly Waiting[] {
    const common = { mirror, mirrorEnd, queuedAt: new Date().toISOString(), startedAt: null };
    const added = this.#hooks
      .filter((hook) => hook.event === event)
      .map((hook) => ({ ...common, hook, abort: new AbortController(), ended: defer<ProgramEnd>() }));
    for (const waiting of added) {
      if (this.#isClosed) waiting.abort.abort();
      if (this.#queue.length < HOOK_QUEUE_MAX) this.#queue.push(waiting);
      else this.#dropped(waiting);
    }
    if (this.#queue.length > 0) this.#running ??= this.#runAll();
    return added;
  }

  #dropped({ hook, ended }: Waiting): void {
    const end = refusedEnd(`${HOOK_QUEUE_MAX} hooks wait before it`);
    logEvent(this.#connection.options.log, "hookFailed", { connection: this.#connection.id, hook: hook.name, moment: hook.event, reason: endText(end) });
    ended.resolve(end);
  }

  async #runAll(): Promise<void> {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const end = await this.#run(first).catch((error: unknown) => refusedEnd(toSmError(error).message));
      this.#queue.shift();
      // Of a mirror that does not begin nothing else runs.
      if (mustStop(first, end)) for (const { hook, mirror, abort } of this.#queue) if (hook.event === "mirror-start" && mirror === first.mirror) abort.abort();
      this.#note(first, end);
      first.ended.resolve(end);
      this.#connection.options.onChange?.();
    }
    this.#running = null;
  }

  async #run(waiting: Waiting): Promise<ProgramEnd> {
    const { hook, mirror, abort } = waiting;
    if (abort.signal.aborted) return refusedEnd("its mirror was ended, or replaced, before its turn came");
    const { id, options } = this.#connection;
    const names = { connection: id, hook: hook.name, moment: hook.event };
    waiting.startedAt = new Date().toISOString();
    logEvent(options.log, "hookStarted", names, { program: hook.program.path, mirror: mirror.id });
    options.onChange?.();
    const order = { program: hook.program, environment: this.#environment(waiting), timeoutMs: hook.timeoutSeconds * 1000 };
    const ran = await this.#terms.run(order, abort.signal);
    const end = ran.outcome === "interrupted" && !this.#isClosed ? { ...ran, why: "its mirror was ended, or replaced" } : ran;
    const more = { output: end.output.slice(-OUTPUT_LOGGED), ms: end.ms };
    if (isHookFine(end)) logEvent(options.log, "hookEnded", names, more);
    else logEvent(options.log, "hookFailed", { ...names, reason: endText(end) }, more);
    return end;
  }

  /** What the end of the agent ended runs anew at its next start. */
  #note({ hook, mirror, mirrorEnd, startedAt }: Waiting, end: ProgramEnd): void {
    const lastRun = { mirror: mirror.id, startedAt: startedAt ?? "", ...end };
    const hooks = startedAt === null ? this.#hooks : this.#hooks.map((one) => (isSameHook(one, hook) ? { ...one, lastRun } : one));
    const isOpen = mirrorEnd === null || this.#isClosed || this.#queue.some((waiting) => waiting.mirrorEnd === mirrorEnd);
    this.#keep(hooks, isOpen ? this.#ends : this.#ends.filter((one) => one !== mirrorEnd));
  }

  #keep(hooks: readonly HookRecord[], ends: readonly MirrorEnd[]): void {
    try {
      this.#save(hooks, ends);
    } catch (error) {
      // What runs does so all the same, and is in the log.
      this.#hooks = hooks;
      this.#ends = ends;
      this.#connection.options.log.warn(`what became of hooks is not kept: ${toSmError(error).message}`, { connection: this.#connection.id });
    }
  }

  #environment({ hook, mirror, mirrorEnd }: Waiting): Readonly<Record<string, string>> {
    const { id, record } = this.#connection;
    const { repset, peer, mappings } = record;
    return {
      ...{ SM_HOOK: hook.name, SM_EVENT: hook.event, SM_ROLE: "source", SM_CONNECTION: String(id), SM_SET: repset, SM_PEER: peer },
      ...{ SM_MIRROR: String(mirror.id), SM_MIRROR_KIND: mirror.mode ?? "difference" },
      ...(mirrorEnd === null ? {} : { SM_RESULT: mirrorEnd.result, SM_PROBLEMS: String(mirror.problemCount), SM_LEFT_ALONE: String(mirror.leftAlone) }),
      SM_SOURCE_PATHS: mappings.map(({ source }) => source).join(":"),
      SM_TARGET_PATHS: mappings.map(({ target }) => target).join(":"),
    };
  }
}

function eventOf({ result }: MirrorEnd): HookEvent {
  return result === "done" || result === "problems" ? "mirror-complete" : "mirror-stop";
}

function mustStop({ hook }: Waiting, end: ProgramEnd): boolean {
  return hook.onFailure === "stop" && !isHookFine(end);
}
