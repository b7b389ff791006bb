import { z } from "zod";
import { SmError } from "../base/errors.js";
import type { QuarantineEntry } from "../model/control-port.js";
import { defineCommand, quick } from "./command.js";
import { emptySchema } from "./input-schemas.js";

const entrySchema: z.ZodType<QuarantineEntry> = z.object({
  connectionId: z.number(),
  source: z.string(),
  repset: z.string(),
  path: z.string(),
  code: z.string(),
  message: z.string(),
  since: z.string(),
  state: z.enum(["retrying", "quarantined", "dropped"]),
  nextAt: z.string().nullable(),
  needsMirror: z.boolean(),
});

const entries = z.object({ entries: z.array(entrySchema).readonly() });

/** One path as listed, or all: never by accident. */
const choice = z.strictObject({ path: z.string().min(1).max(16_384).optional(), all: z.boolean().default(false) });

function pathOf({ path, all }: z.output<typeof choice>): string | null {
  if ((path === undefined) !== all) throw new SmError("USAGE", "give one path, as `sm quarantine list` shows it, or --all");
  return path ?? null;
}

export const QUARANTINE_COMMANDS = [
  defineCommand({
    name: "quarantine.list",
    role: "monitor",
    summary: "Paths of this target that refused changes.",
    input: emptySchema,
    output: entries,
    deadlineMs: quick,
    handler: async (agent) => ({ entries: await agent.quarantine.list() }),
  }),
  defineCommand({
    name: "quarantine.retry",
    role: "admin",
    summary: "Has the source ship the paths again as they are now; answers with what is tried.",
    input: choice,
    output: entries,
    deadlineMs: quick,
    handler: async (agent, input) => ({ entries: await agent.quarantine.order("retry", pathOf(input)) }),
  }),
  defineCommand({
    name: "quarantine.drop",
    role: "admin",
    summary: "Gives the paths up: they are not tried any more, and the connection requires a mirror.",
    input: choice,
    output: entries,
    deadlineMs: quick,
    handler: async (agent, input) => ({ entries: await agent.quarantine.order("drop", pathOf(input)) }),
  }),
] as const;
