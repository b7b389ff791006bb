import { z } from "zod";
import { SIZE_MS_MAX } from "../model/control-port.js";
import { ruleSchema, rulesSchema } from "../model/rule.js";
import { defineCommand, quick, WAIT_GRACE_MS } from "./command.js";
import { emptySchema, generationSchema, repsetNameSchema, rulePathSchema } from "./input-schemas.js";
import { repsetSavedSchema, repsetSchema, repsetSizeSchema } from "./report-schemas.js";

const named = z.strictObject({ name: repsetNameSchema });
const namedTo = z.strictObject({ name: repsetNameSchema, to: repsetNameSchema });
const oneRepset = z.object({ repset: repsetSchema });

const SET_COMMANDS = [
  defineCommand({
    name: "repset.create",
    role: "admin",
    summary: "Creates a replication set from rules; tells which rules were dropped as redundant.",
    input: z.strictObject({ name: repsetNameSchema, rules: rulesSchema }),
    output: repsetSavedSchema,
    deadlineMs: quick,
    handler: (agent, input) => agent.repsets.create(input.name, input.rules),
  }),
  defineCommand({
    name: "repset.save",
    role: "admin",
    summary: "Gives a replication set these rules instead of its own, in one step; refused when the set is no longer at `generation`.",
    input: z.strictObject({ name: repsetNameSchema, rules: rulesSchema, generation: generationSchema.optional() }),
    output: repsetSavedSchema,
    deadlineMs: quick,
    handler: (agent, input) => agent.repsets.save(input.name, input.rules, input.generation),
  }),
  defineCommand({
    name: "repset.list",
    role: "monitor",
    summary: "All replication sets.",
    input: emptySchema,
    output: z.object({ repsets: z.array(repsetSchema).readonly() }),
    deadlineMs: quick,
    handler: async (agent) => ({ repsets: await agent.repsets.list() }),
  }),
  defineCommand({
    name: "repset.show",
    role: "monitor",
    summary: "One replication set with its rules and its generation.",
    input: named,
    output: oneRepset,
    deadlineMs: quick,
    handler: async (agent, input) => ({ repset: await agent.repsets.show(input.name) }),
  }),
  defineCommand({
    name: "repset.delete",
    role: "admin",
    summary: "Deletes a replication set that no connection uses. The files stay.",
    input: named,
    output: z.object({ deleted: z.string() }),
    deadlineMs: quick,
    handler: async (agent, input) => {
      await agent.repsets.remove(input.name);
      return { deleted: input.name };
    },
  }),
  defineCommand({
    name: "repset.rename",
    role: "admin",
    summary: "Gives a replication set another name.",
    input: namedTo,
    output: oneRepset,
    deadlineMs: quick,
    handler: async (agent, input) => ({ repset: await agent.repsets.rename(input.name, input.to) }),
  }),
  defineCommand({
    name: "repset.copy",
    role: "admin",
    summary: "Copies a replication set under another name.",
    input: namedTo,
    output: oneRepset,
    deadlineMs: quick,
    handler: async (agent, input) => ({ repset: await agent.repsets.copy(input.name, input.to) }),
  }),
  defineCommand({
    name: "repset.size",
    role: "monitor",
    isWait: true,
    summary: "Counts the files, directories and bytes of a replication set; with `waitMs`, answers then with what is counted so far.",
    input: z.strictObject({ name: repsetNameSchema, waitMs: z.number().int().min(0).max(SIZE_MS_MAX).exactOptional() }),
    output: z.object({ size: repsetSizeSchema }),
    deadlineMs: ({ waitMs = SIZE_MS_MAX }) => waitMs + WAIT_GRACE_MS,
    handler: async (agent, { name, waitMs }) => ({ size: await agent.repsets.size(name, waitMs) }),
  }),
] as const;

const RULE_COMMANDS = [
  defineCommand({
    name: "repset.rule.add",
    role: "admin",
    summary: "Adds a rule; refused when the set is no longer at `generation`.",
    input: z.strictObject({ name: repsetNameSchema, rule: ruleSchema, generation: generationSchema.optional() }),
    output: repsetSavedSchema,
    deadlineMs: quick,
    handler: (agent, input) => agent.repsets.addRule(input.name, input.rule, input.generation),
  }),
  defineCommand({
    name: "repset.rule.remove",
    role: "admin",
    summary: "Removes the rule of a path; `mode` when both an include and an exclude name it.",
    input: z.strictObject({
      name: repsetNameSchema,
      path: rulePathSchema,
      mode: z.enum(["include", "exclude"]).optional(),
      generation: generationSchema.optional(),
    }),
    output: repsetSavedSchema,
    deadlineMs: quick,
    handler: (agent, input) => agent.repsets.removeRule(input.name, input.path, input.mode, input.generation),
  }),
] as const;

export const REPSET_COMMANDS = [...SET_COMMANDS, ...RULE_COMMANDS] as const;
