import { z } from "zod";
import { defineCommand } from "./command.js";
import { connectionIdSchema } from "./input-schemas.js";
import { connectionReportSchema } from "./report-schemas.js";

/** What is on the source by then is waited for, and the end of the state that is being sent. */
const SWITCH_MS = 30_000;

const output = z.object({ connection: connectionReportSchema });

export const REPLICATION_COMMANDS = [
  defineCommand({
    name: "replication.start",
    role: "admin",
    summary: "Replicates again, and mirrors what changed while replication was stopped; `mirror` false: the mirror is left to be started by hand.",
    input: z.strictObject({ id: connectionIdSchema, mirror: z.boolean().default(true) }),
    output,
    deadlineMs: () => SWITCH_MS,
    handler: async (agent, { id, mirror }) => ({ connection: await agent.replication.start(id, mirror) }),
  }),
  defineCommand({
    name: "replication.stop",
    role: "admin",
    summary: "What changes on the source from now on is neither queued nor sent; what happened before is. Mirrors go on.",
    input: z.strictObject({ id: connectionIdSchema }),
    output,
    deadlineMs: () => SWITCH_MS,
    handler: async (agent, { id }) => ({ connection: await agent.replication.stop(id) }),
  }),
] as const;
