import { z } from "zod";
import { apiDocument } from "./api-document.js";
import { ROLES } from "./caller.js";
import { defineCommand, quick } from "./command.js";
import { emptySchema } from "./input-schemas.js";

export const CATALOG_COMMANDS = [
  defineCommand({
    name: "ping",
    role: "none",
    summary: "Says that the agent is there, and what time it is there.",
    input: emptySchema,
    output: z.object({ time: z.string() }),
    deadlineMs: quick,
    handler: async () => ({ time: new Date().toISOString() }),
  }),
  defineCommand({
    name: "command.list",
    role: "monitor",
    summary: "Every command of this agent: its name, role, what it does, and what it takes as a JSON Schema.",
    input: emptySchema,
    output: z.object({
      commands: z.array(
        z.object({ name: z.string(), role: z.enum(ROLES), summary: z.string(), isWait: z.boolean(), input: z.record(z.string(), z.unknown()) }),
      ),
    }),
    deadlineMs: quick,
    handler: async (_agent, _input, { commands }) => ({
      commands: commands.map(({ name, role, summary, isWait, input }) => ({
        name,
        role,
        summary,
        isWait,
        input: z.toJSONSchema(input, { io: "input" }) as Record<string, unknown>,
      })),
    }),
  }),
  defineCommand({
    name: "api.document",
    role: "none",
    summary: "The description of this API, as OpenAPI 3.1.",
    input: emptySchema,
    output: z.record(z.string(), z.unknown()),
    deadlineMs: quick,
    handler: async (agent, _input, { commands }) => apiDocument(commands, agent.status().agent.version),
  }),
] as const;
