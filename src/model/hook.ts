// Hooks: programs that the source of a connection runs at the beginning and the end of its mirrors.

import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { type ProgramEnd, programEndSchema, programSchema } from "./task.js";

/** mirror-complete: the target has applied all of it. mirror-stop: it was ended before, and does not go on by itself. */
export const HOOK_EVENTS = ["mirror-start", "mirror-complete", "mirror-stop"] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];

export const HOOK_NAME_MAX = 64;
/** Of one connection. */
export const HOOKS_MAX = 20;
/** Where nothing is said. */
export const HOOK_TIMEOUT_SECONDS = 60;
export const HOOK_TIMEOUT_SECONDS_MAX = 86_400;

export const hookNameSchema = z
  .string()
  .max(HOOK_NAME_MAX)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "a name of letters, digits, dots, dashes and underscores");

const shape = {
  name: hookNameSchema,
  event: z.enum(HOOK_EVENTS),
  program: programSchema,
  /** A mirror of the connection begins when it has ended, and not before. */
  isDelaying: z.boolean().default(false),
  /** Then it is ended, with all that it began. */
  timeoutSeconds: z.number().int().min(1).max(HOOK_TIMEOUT_SECONDS_MAX).default(HOOK_TIMEOUT_SECONDS),
  /** What becomes of the mirror that waits for it when it did not end with 0 in its time. */
  onFailure: z.enum(["continue", "stop"]).default("continue"),
};

/** Why no hook can be so; null = it can. */
export function contradictionInHook({ event, isDelaying, onFailure }: Pick<Hook, "event" | "isDelaying" | "onFailure">): string | null {
  if (onFailure === "continue" || (event === "mirror-start" && isDelaying)) return null;
  return "only a mirror that waits can be stopped: a failure ends one where the hook is of mirror-start, and delays it";
}

export const hookSchema = z.strictObject(shape);
export type Hook = z.output<typeof hookSchema>;

export const hookRunSchema = programEndSchema.extend({
  /** Of the mirror; counts those since the agent started. */
  mirror: z.number().int().nonnegative(),
  /** ISO 8601. */
  startedAt: z.string(),
});
export type HookRun = z.output<typeof hookRunSchema>;

/** What is kept of a hook. */
export const hookRecordSchema = z.strictObject({ ...shape, lastRun: hookRunSchema.nullable().default(null) });
export type HookRecord = z.output<typeof hookRecordSchema>;

/** What waits at most. */
export const HOOK_QUEUE_MAX = 100;

/** A mirror as its hooks are told of it. */
const hookedMirrorSchema = z.strictObject({
  id: z.number().int().nonnegative(),
  mode: z.enum(["full", "difference"]).nullable(),
  problemCount: z.number().int().nonnegative(),
  leftAlone: z.number().int().nonnegative(),
});
export type HookedMirror = z.output<typeof hookedMirrorSchema>;

/** The end of a mirror whose hooks have not all run. */
export const mirrorEndSchema = z.strictObject({ mirror: hookedMirrorSchema, result: z.enum(["done", "problems", "stopped", "failed"]) });
export type MirrorEnd = z.output<typeof mirrorEndSchema>;

/** What is kept for one connection. */
export const hookFileSchema = z.strictObject({
  hooks: z.array(hookRecordSchema).max(HOOKS_MAX).readonly(),
  ends: z.array(mirrorEndSchema).max(HOOK_QUEUE_MAX).readonly().default([]),
});
export type HookFile = z.output<typeof hookFileSchema>;

export const NO_HOOK_FILE: HookFile = { hooks: [], ends: [] };

export interface HookReport extends HookRecord {
  readonly connectionId: number;
  /** It runs now, or waits for one before it. */
  readonly isRunning: boolean;
}

export interface HookControl {
  /** The same hook again changes nothing. ALREADY_EXISTS for another of that name, unless it is to be replaced; HOOK_REFUSED for a program that would not be run. */
  add(connectionId: number, hook: Hook, isReplacing: boolean): Promise<HookReport>;
  /** In the order in which they run; undefined = of all connections. */
  list(connectionId?: number): Promise<readonly HookReport[]>;
  show(connectionId: number, name: string): Promise<HookReport>;
  remove(connectionId: number, name: string): Promise<HookReport>;
}

/** Of the same program at the same moment, on the same terms: told again, it is told alike. */
export function isSameHook(one: Hook, other: Hook): boolean {
  return isDeepStrictEqual(termsOf(one), termsOf(other));
}

function termsOf({ name, event, program, isDelaying, timeoutSeconds, onFailure }: Hook): readonly unknown[] {
  return [name, event, program.path, program.args, isDelaying, timeoutSeconds, onFailure];
}

/** The order is that in which they run. */
export function areSameHooks(some: readonly Hook[], others: readonly Hook[]): boolean {
  return some.length === others.length && some.every((hook, index) => isSameHook(hook, others[index] as Hook));
}

/** Whether it ended as it should. */
export function isHookFine({ outcome, exitCode }: Pick<ProgramEnd, "outcome" | "exitCode">): boolean {
  return outcome === "exited" && exitCode === 0;
}
