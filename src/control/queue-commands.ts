import { z } from "zod";
import { SmError } from "../base/errors.js";
import type { QueueReport } from "../model/queue.js";
import { defineCommand, quick } from "./command.js";
import { connectionIdSchema } from "./input-schemas.js";

const limitsSchema = z.object({ memoryMiB: z.number(), diskMiB: z.number().nullable(), minFreeMiB: z.number(), alertPercent: z.number() });

const connectionSchema = z.object({
  id: z.number(),
  target: z.string(),
  operations: z.number(),
  memoryBytes: z.number(),
  diskBytes: z.number(),
  oldestMs: z.number().nullable(),
  drainBytesPerSecond: z.number(),
  fillBytesPerSecond: z.number(),
  drainSeconds: z.number().nullable(),
});

const setSchema = z.object({
  repset: z.string(),
  memoryBytes: z.number(),
  diskBytes: z.number(),
  segments: z.number(),
  fillPercent: z.number().nullable(),
  volumeFreeBytes: z.number().nullable(),
  isAlerting: z.boolean(),
  connections: z.array(connectionSchema).readonly(),
});

const reportSchema: z.ZodType<QueueReport> = z.object({
  directory: z.string(),
  limits: limitsSchema,
  changed: z.array(z.enum(["memoryMiB", "diskMiB", "minFreeMiB", "alertPercent"])).readonly(),
  sets: z.array(setSchema).readonly(),
});

const oneReport = z.object({ queue: reportSchema });

export const QUEUE_COMMANDS = [
  defineCommand({
    name: "queue.show",
    role: "monitor",
    summary: "The queues of this source: what waits for each connection, how fast it drains, limits and how full they are.",
    input: z.strictObject({ id: connectionIdSchema.optional() }),
    output: oneReport,
    deadlineMs: quick,
    handler: async (agent, input) => ({ queue: await agent.queue.show(input.id) }),
  }),
  defineCommand({
    name: "queue.set",
    role: "admin",
    summary: "Sets limits of the queues at once and for good, over restarts, too; `reset` goes back to those of the configuration.",
    input: z.strictObject({
      memoryMiB: z.number().optional(),
      diskMiB: z.number().nullable().optional(),
      minFreeMiB: z.number().optional(),
      alertPercent: z.number().optional(),
      reset: z.boolean().default(false),
    }),
    output: oneReport,
    deadlineMs: quick,
    handler: async (agent, { reset, ...change }) => {
      if (reset === Object.values(change).some((value) => value !== undefined)) throw new SmError("USAGE", "give limits to be set, or only --reset");
      return { queue: await agent.queue.set(reset ? null : change) };
    },
  }),
] as const;
