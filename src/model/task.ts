// Programs that agents run at a place in the order of a connection's changes: what they are, and what became of them.

import { z } from "zod";

export const TASK_NAME_MAX = 100;
export const PROGRAM_PATH_MAX = 1024;
export const PROGRAM_ARGS_MAX = 64;
export const PROGRAM_ARG_MAX = 1024;
/** What is kept of the output of a program: the end of it, in characters. */
export const OUTPUT_MAX = 4000;
export const WHY_MAX = 2000;
/** What nobody waits for is ended after this time. */
export const UNWAITED_MS_MAX = 86_400_000;
/** 20 days: a timer takes no more than 24. */
export const TASK_TIMEOUT_MS_MAX = 20 * 86_400_000;
/** Where nothing is said. */
export const TASK_TIMEOUT_SECONDS = 600;

export const taskNameSchema = z
  .string()
  .min(1)
  .max(TASK_NAME_MAX)
  .regex(/^[^\x00-\x1f\x7f]+$/);

export const programSchema = z.strictObject({
  /** Absolute; below the directory of the agent that runs it. */
  path: z
    .string()
    .min(2)
    .max(PROGRAM_PATH_MAX)
    .regex(/^\/[^\x00-\x1f\x7f]+$/),
  args: z
    .array(
      z
        .string()
        .max(PROGRAM_ARG_MAX)
        .regex(/^[^\x00]*$/),
    )
    .max(PROGRAM_ARGS_MAX)
    .readonly()
    .default([]),
});
export type Program = z.output<typeof programSchema>;

/** When a program of a task runs: queue and transmit on the source, receive and execute on the target. */
export const PHASES = ["queue", "transmit", "receive", "execute"] as const;
export type Phase = (typeof PHASES)[number];

/**
 * exited: see the exit code. killed: by a signal of somebody else. timedOut: ended, with all that it had begun, when its time was over.
 * interrupted: the agent ended it, or ended while it ran. refused: not run. failed: it could not be started. started: nobody waits for it.
 */
export const RUN_OUTCOMES = ["exited", "killed", "timedOut", "interrupted", "refused", "failed", "started"] as const;
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

/** How a program ended, whenever it ran. */
const endShape = {
  outcome: z.enum(RUN_OUTCOMES),
  exitCode: z.number().int().min(0).max(255).nullable(),
  signal: z.string().max(20).nullable(),
  /** The end of what it wrote. */
  output: z.string().max(OUTPUT_MAX),
  /** Why it was refused or not started; "" = it was. */
  why: z.string().max(WHY_MAX),
  ms: z.number().int().nonnegative(),
};
export const programEndSchema = z.strictObject(endShape);
export type ProgramEnd = z.output<typeof programEndSchema>;

export const programRunSchema = z.strictObject({ phase: z.enum(PHASES), ...endShape });
export type ProgramRun = z.output<typeof programRunSchema>;

/**
 * done: what was to run ended with exit code 0. failed: something of it did not. discarded: it did not run, and will not. unknown: it may
 * have run, in whole or in part, and will not run again.
 */
export const TASK_OUTCOMES = ["done", "failed", "discarded", "unknown"] as const;
export type TaskOutcome = (typeof TASK_OUTCOMES)[number];

/** What the target says of a task. */
export const taskResultSchema = z.strictObject({
  number: z.number().int().positive(),
  outcome: z.enum(TASK_OUTCOMES),
  why: z.string().max(WHY_MAX),
  runs: z.array(programRunSchema).max(2).readonly(),
});
export type TaskResult = z.output<typeof taskResultSchema>;

/** A task as it was asked for. */
export interface TaskWish {
  readonly name: string;
  readonly onQueue: Program | null;
  readonly onTransmit: Program | null;
  readonly onReceive: Program | null;
  readonly onExecute: Program | null;
  /** How long what comes behind waits for each program, which is ended then; 0 = it does not wait; null = as long as it takes. */
  readonly timeoutMs: number | null;
}

export interface TaskReport extends TaskWish {
  readonly connectionId: number;
  /** Counts the tasks of the connection. */
  readonly number: number;
  /** placing: it is being put into the order. queued, sent: it has its place there. ended: see the outcome. */
  readonly state: "placing" | "queued" | "sent" | "ended";
  readonly outcome: TaskOutcome | null;
  readonly why: string;
  readonly runs: readonly ProgramRun[];
  /** Its place in the order; null = it has none yet. */
  readonly seq: number | null;
  /** ISO 8601. */
  readonly queuedAt: string;
  readonly endedAt: string | null;
}

export interface TaskControl {
  /** Resolves when the task has its place behind all that was on the source at the call. */
  queue(connectionId: number, wish: TaskWish): Promise<TaskReport>;
  /** Newest first; undefined = of all connections. */
  list(connectionId?: number): Promise<readonly TaskReport[]>;
  show(connectionId: number, number: number): Promise<TaskReport>;
  /** Resolves when it has ended, or after `timeoutMs` with the report of then. */
  wait(connectionId: number, number: number, timeoutMs: number): Promise<TaskReport>;
}

/** What may run on an agent, as it is configured: nothing while it is off. */
export interface ProgramTerms {
  readonly isEnabled: boolean;
  /** Null: none is configured. */
  readonly directory: string | null;
  /** The configuration keys of both, for words. */
  readonly keys: { readonly enabled: string; readonly directory: string };
}

export interface ProgramPolicy extends ProgramTerms {
  /** Where sources write on this machine, now: nothing that lies there runs. */
  readonly writtenPlaces: () => readonly string[];
}

export interface ProgramOrder {
  readonly program: Program;
  readonly phase: Phase;
  /** The whole environment of the program. */
  readonly environment: Readonly<Record<string, string>>;
  /** Null = without limit. */
  readonly timeoutMs: number | null;
}

/** Runs one program to its end; never rejects. Aborted, it ends it, with all that it began. */
export type RunProgram = (order: ProgramOrder, signal: AbortSignal) => Promise<ProgramRun>;
/** As RunProgram, of a program that is no task's. */
export type RunCommand = (order: Omit<ProgramOrder, "phase">, signal: AbortSignal) => Promise<ProgramEnd>;

/** A run that did not take place. */
export function refusedRun(phase: Phase, why: string): ProgramRun {
  return { phase, ...refusedEnd(why) };
}

export function refusedEnd(why: string): ProgramEnd {
  return { outcome: "refused", exitCode: null, signal: null, output: "", why: why.slice(0, WHY_MAX), ms: 0 };
}

/** What runs make of a task. */
export function outcomeOf(runs: readonly ProgramRun[]): { readonly outcome: TaskOutcome; readonly why: string } {
  const bad = runs.find(({ outcome, exitCode }) => outcome !== "started" && (outcome !== "exited" || exitCode !== 0));
  if (bad === undefined) return { outcome: "done", why: "" };
  return { outcome: bad.outcome === "interrupted" ? "unknown" : "failed", why: runText(bad).slice(0, WHY_MAX) };
}

/** One run in words. */
export function runText({ phase, ...end }: ProgramRun): string {
  return `on${phase} ${endText(end)}`;
}

export function endText({ outcome, exitCode, signal, why, ms }: ProgramEnd): string {
  switch (outcome) {
    case "exited":
      return `ended with exit code ${exitCode} after ${seconds(ms)}`;
    case "killed":
      return `was ended by ${signal} after ${seconds(ms)}`;
    case "timedOut":
      return `was ended when its time was over, after ${seconds(ms)}`;
    case "interrupted":
      return `was interrupted${why === "" ? "" : `: ${why}`}`;
    case "started":
      return `was started, and is not waited for`;
    case "refused":
    case "failed":
      return `did not run: ${why}`;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** A program and its arguments, separated by blanks; null = no such words. */
export function programFrom(text: string): Program | null {
  const [path, ...args] = text.split(/[ \t]+/).filter((word) => word !== "");
  const parsed = programSchema.safeParse({ path, args });
  return parsed.success ? parsed.data : null;
}

export function programText({ path, args }: Program): string {
  return [path, ...args].join(" ");
}
