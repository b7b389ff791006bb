// What is kept of the tasks of one connection on its source, over restarts.

import { z } from "zod";
import { programRunSchema, programSchema, TASK_OUTCOMES, type TaskReport, taskNameSchema } from "../model/task.js";

const program = programSchema.nullable();

export const taskRecordSchema = z.strictObject({
  number: z.number().int().positive(),
  name: taskNameSchema,
  onQueue: program,
  onTransmit: program,
  onReceive: program,
  onExecute: program,
  timeoutMs: z.number().nullable(),
  /** ISO 8601. */
  queuedAt: z.string(),
  /** The stream that it has its place in. */
  epoch: z.string(),
  /** Null = none yet. */
  seq: z.number().nullable(),
  /** Place of the question what became of it. */
  closeSeq: z.number().nullable(),
  /** What was begun on the source: nothing is begun twice. */
  begun: z.array(z.enum(["queue", "transmit"])).readonly(),
  /** Its place was lost: what becomes of it is asked, and nothing of it begins any more. */
  isClosing: z.boolean(),
  outcome: z.enum(TASK_OUTCOMES).nullable(),
  why: z.string(),
  runs: z.array(programRunSchema).readonly(),
  endedAt: z.string().nullable(),
});

export type TaskRecord = z.output<typeof taskRecordSchema>;

export const taskFileSchema = z.strictObject({ lastNumber: z.number().int().nonnegative(), tasks: z.array(taskRecordSchema).readonly() });

export type TaskFile = z.output<typeof taskFileSchema>;

export const NO_TASK_FILE: TaskFile = { lastNumber: 0, tasks: [] };

export function reportTask(connectionId: number, record: TaskRecord, sentSeq: number): TaskReport {
  const { begun: _, epoch: __, isClosing: ___, closeSeq: ____, ...rest } = record;
  const state = record.endedAt !== null ? "ended" : record.seq === null ? "placing" : record.seq <= sentSeq ? "sent" : "queued";
  return { connectionId, ...rest, state };
}
