import { z } from "zod";
import type { AuditEntry } from "../model/audit.js";
import { defineCommand, quick } from "./command.js";

export const AUDIT_ENTRIES_MAX = 1_000;

const entrySchema: z.ZodType<AuditEntry> = z.object({
  at: z.string(),
  who: z.string(),
  uid: z.number().nullable(),
  pid: z.number().nullable(),
  from: z.string(),
  role: z.string(),
  command: z.string(),
  input: z.unknown(),
  result: z.string(),
  durationMs: z.number(),
  leftOut: z.number(),
});

export const AUDIT_COMMANDS = [
  defineCommand({
    name: "audit.list",
    role: "admin",
    summary: "Who asked what of this agent, and what came of it: the newest entries of the audit log first.",
    input: z.strictObject({ limit: z.number().int().min(1).max(AUDIT_ENTRIES_MAX).default(50), command: z.string().min(1).max(100).optional() }),
    output: z.object({ entries: z.array(entrySchema).readonly() }),
    deadlineMs: quick,
    handler: async (agent, { limit, command = null }) => ({ entries: await agent.audit.list({ limit, command }) }),
  }),
] as const;
