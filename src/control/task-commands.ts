import { z } from "zod";
import { SmError } from "../base/errors.js";
import {
  programRunSchema,
  programSchema,
  TASK_OUTCOMES,
  TASK_TIMEOUT_MS_MAX,
  TASK_TIMEOUT_SECONDS,
  type TaskReport,
  type TaskWish,
  taskNameSchema,
} from "../model/task.js";
import { defineCommand, quick, WAIT_GRACE_MS } from "./command.js";
import { connectionIdSchema, pollTimeoutSchema } from "./input-schemas.js";

const program = programSchema.nullable();

export const taskReportSchema: z.ZodType<TaskReport> = z.object({
  connectionId: z.number(),
  number: z.number(),
  name: z.string(),
  onQueue: program,
  onTransmit: program,
  onReceive: program,
  onExecute: program,
  timeoutMs: z.number().nullable(),
  state: z.enum(["placing", "queued", "sent", "ended"]),
  outcome: z.enum(TASK_OUTCOMES).nullable(),
  why: z.string(),
  runs: z.array(programRunSchema).readonly(),
  seq: z.number().nullable(),
  queuedAt: z.string(),
  endedAt: z.string().nullable(),
});

const number = z.number().int().positive();
const task = z.object({ task: taskReportSchema });
/** A source that finds no rest is given a minute; before that it may be scanning. */
const PLACE_MS = 180_000;

const wish = z.strictObject({
  id: connectionIdSchema,
  name: taskNameSchema,
  onQueue: programSchema.optional(),
  onTransmit: programSchema.optional(),
  onReceive: programSchema.optional(),
  onExecute: programSchema.optional(),
  /** How long what comes behind waits for each program, which is ended then; 0 = it does not wait; null = as long as it takes. */
  timeoutSeconds: z
    .number()
    .int()
    .min(0)
    .max(TASK_TIMEOUT_MS_MAX / 1000)
    .nullable()
    .default(TASK_TIMEOUT_SECONDS),
});

function wishOf({ name, onQueue, onTransmit, onReceive, onExecute, timeoutSeconds }: z.output<typeof wish>): TaskWish {
  const programs = { onQueue: onQueue ?? null, onTransmit: onTransmit ?? null, onReceive: onReceive ?? null, onExecute: onExecute ?? null };
  return { name, ...programs, timeoutMs: timeoutSeconds === null ? null : timeoutSeconds * 1000 };
}

export const TASK_COMMANDS = [
  defineCommand({
    name: "task.queue",
    role: "admin",
    summary: "Puts programs into the order of a connection's changes, behind all that is on the source; answers when they have their place.",
    input: wish,
    output: task,
    deadlineMs: () => PLACE_MS,
    handler: async (agent, input) => {
      const task = wishOf(input);
      const isEmpty = [task.onQueue, task.onTransmit, task.onReceive, task.onExecute].every((one) => one === null);
      if (isEmpty) throw new SmError("USAGE", "a task runs at least one program: give --on-execute, --on-receive, --on-transmit or --on-queue");
      return { task: await agent.tasks.queue(input.id, task) };
    },
  }),
  defineCommand({
    name: "task.list",
    role: "monitor",
    summary: "The tasks of a connection, or of all, the newest first: those that wait, and the last 100 that ended.",
    input: z.strictObject({ id: connectionIdSchema.optional() }),
    output: z.object({ tasks: z.array(taskReportSchema).readonly() }),
    deadlineMs: quick,
    handler: async (agent, { id }) => ({ tasks: await agent.tasks.list(id) }),
  }),
  defineCommand({
    name: "task.show",
    role: "monitor",
    summary: "One task: where it is, and what became of its programs.",
    input: z.strictObject({ id: connectionIdSchema, task: number }),
    output: task,
    deadlineMs: quick,
    handler: async (agent, { id, task: one }) => ({ task: await agent.tasks.show(id, one) }),
  }),
  defineCommand({
    name: "task.wait",
    role: "monitor",
    summary: "Answers when a task has ended, or after the time given with what is known then.",
    input: z.strictObject({ id: connectionIdSchema, task: number, timeoutMs: pollTimeoutSchema }),
    output: task,
    deadlineMs: ({ timeoutMs }) => timeoutMs + WAIT_GRACE_MS,
    isWait: true,
    handler: async (agent, { id, task: one, timeoutMs }) => ({ task: await agent.tasks.wait(id, one, timeoutMs) }),
  }),
] as const;
