import { z } from "zod";
import { LOG_LEVELS, type LogEntry, type LogPage, type LogQuery } from "../model/log-entry.js";
import { defineCommand, quick, WAIT_GRACE_MS } from "./command.js";
import { connectionIdSchema, pollTimeoutSchema } from "./input-schemas.js";

const LIMIT_MAX = 10_000;

const queryFields = {
  level: z.enum(LOG_LEVELS).optional(),
  connection: connectionIdSchema.optional(),
  event: z.number().int().min(1).max(999_999).optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  after: z.number().int().nonnegative().optional(),
  limit: z.number().int().min(1).max(LIMIT_MAX).default(50),
};

const querySchema = z.strictObject(queryFields);

const entrySchema: z.ZodType<LogEntry> = z.object({
  seq: z.number(),
  time: z.string(),
  level: z.enum(LOG_LEVELS),
  event: z.number(),
  name: z.string().nullable(),
  system: z.number().nullable(),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()),
});

const pageSchema: z.ZodType<LogPage> = z.object({ entries: z.array(entrySchema).readonly(), cursor: z.number(), isCut: z.boolean() });

function queryOf({ since, ...query }: z.output<typeof querySchema>): LogQuery {
  return { ...query, sinceMs: since === undefined ? undefined : Date.parse(since) };
}

export const LOG_COMMANDS = [
  defineCommand({
    name: "log.read",
    role: "monitor",
    summary: "The newest lines of the agent's log that are asked for, oldest first; `cursor` is what `after` of the next call takes.",
    input: querySchema,
    output: pageSchema,
    deadlineMs: quick,
    handler: (agent, input) => agent.log.read(queryOf(input)),
  }),
  defineCommand({
    name: "log.wait",
    isWait: true,
    role: "monitor",
    summary: "As log.read, as soon as there is a line behind `after`, or after `timeoutMs` without any.",
    input: z.strictObject({ ...queryFields, timeoutMs: pollTimeoutSchema }),
    output: pageSchema,
    deadlineMs: (input) => input.timeoutMs + WAIT_GRACE_MS,
    handler: (agent, { timeoutMs, ...input }, { caller }) => agent.log.wait(queryOf(input), timeoutMs, caller),
  }),
] as const;
