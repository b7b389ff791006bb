import { z } from "zod";
import { contradictionInHook, type HookReport, hookNameSchema, hookRecordSchema, hookSchema } from "../model/hook.js";
import { defineCommand, quick } from "./command.js";
import { connectionIdSchema } from "./input-schemas.js";

export const hookReportSchema: z.ZodType<HookReport> = hookRecordSchema
  .extend({ lastRun: hookRecordSchema.shape.lastRun.unwrap(), isRunning: z.boolean(), connectionId: z.number() })
  .strip();

const oneHook = z.object({ hook: hookReportSchema });
const byName = z.strictObject({ id: connectionIdSchema, name: hookNameSchema });

const addInput = z.strictObject({ id: connectionIdSchema, ...hookSchema.shape, isReplacing: z.boolean().default(false) }).superRefine((input, context) => {
  const message = contradictionInHook(input);
  if (message !== null) context.addIssue({ code: "custom", message });
});

export const HOOK_COMMANDS = [
  defineCommand({
    name: "hook.add",
    role: "admin",
    summary: "Has the source run a program when a mirror of a connection begins, is complete, or is stopped. The same hook again changes nothing.",
    input: addInput,
    output: oneHook,
    deadlineMs: quick,
    handler: async (agent, { id, isReplacing, ...hook }) => ({ hook: await agent.hooks.add(id, hook, isReplacing) }),
  }),
  defineCommand({
    name: "hook.list",
    role: "admin",
    summary: "The hooks of a connection, or of all, in the order in which they run.",
    input: z.strictObject({ id: connectionIdSchema.optional() }),
    output: z.object({ hooks: z.array(hookReportSchema).readonly() }),
    deadlineMs: quick,
    handler: async (agent, { id }) => ({ hooks: await agent.hooks.list(id) }),
  }),
  defineCommand({
    name: "hook.show",
    role: "admin",
    summary: "One hook, and how its last run ended.",
    input: byName,
    output: oneHook,
    deadlineMs: quick,
    handler: async (agent, { id, name }) => ({ hook: await agent.hooks.show(id, name) }),
  }),
  defineCommand({
    name: "hook.remove",
    role: "admin",
    summary: "Removes a hook; what runs of it goes on to its end.",
    input: byName,
    output: oneHook,
    deadlineMs: quick,
    handler: async (agent, { id, name }) => ({ hook: await agent.hooks.remove(id, name) }),
  }),
] as const;
