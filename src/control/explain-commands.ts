import { z } from "zod";
import { defineCommand, quick } from "./command.js";
import { pathExplanationSchema } from "./report-schemas.js";

export const EXPLAIN_COMMANDS = [
  defineCommand({
    name: "explain",
    role: "monitor",
    summary: "What replication makes of a path of this machine, and why: sets, rules, what is known of it, where it goes.",
    input: z.strictObject({ path: z.string().startsWith("/").max(4095) }),
    output: z.object({ explanation: pathExplanationSchema }),
    deadlineMs: quick,
    handler: async (agent, input) => ({ explanation: await agent.explain(input.path) }),
  }),
] as const;
