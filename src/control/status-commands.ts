import { z } from "zod";
import { defineCommand, quick, WAIT_GRACE_MS } from "./command.js";
import { emptySchema, pollTimeoutSchema } from "./input-schemas.js";
import { statusReportSchema } from "./report-schemas.js";

export const STATUS_COMMANDS = [
  defineCommand({
    name: "status",
    role: "monitor",
    summary: "Report of the agent, its captures, connections and targets, as of now.",
    input: emptySchema,
    output: statusReportSchema,
    deadlineMs: quick,
    handler: async (agent) => agent.status(),
  }),
  defineCommand({
    name: "status.wait",
    isWait: true,
    role: "monitor",
    summary: "The report as soon as its index is above `since`, or after `timeoutMs` the one of then.",
    input: z.strictObject({ since: z.number().int().nonnegative().default(0), timeoutMs: pollTimeoutSchema }),
    output: statusReportSchema,
    deadlineMs: (input) => input.timeoutMs + WAIT_GRACE_MS,
    handler: (agent, input) => agent.waitStatus(input.since, input.timeoutMs),
  }),
] as const;
