import { z } from "zod";
import { toSmError } from "../base/errors.js";
import { defineCommand, quick } from "./command.js";
import { emptySchema } from "./input-schemas.js";

export const AGENT_COMMANDS = [
  defineCommand({
    name: "agent.stop",
    role: "admin",
    summary: "Begins an orderly stop: drains, then the process `pid` ends.",
    input: emptySchema,
    output: z.object({ stopping: z.literal(true), pid: z.number() }),
    deadlineMs: quick,
    // Answers at once: the stop closes the very socket on which an answer to its end would travel.
    handler: async (agent, _input, { log }) => {
      const { pid } = agent.status().agent;
      agent.stop().catch((thrown: unknown) => {
        const error = toSmError(thrown);
        log.error("orderly stop failed", { code: error.code, error: error.message });
      });
      return { stopping: true as const, pid };
    },
  }),
] as const;
