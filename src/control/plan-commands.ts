// What would be done, told without doing it.

import { z } from "zod";
import { contradictionIn } from "../model/mirror-wish.js";
import type { RulePlan } from "../model/plan.js";
import { ruleSchema } from "../model/rule.js";
import { defineCommand, quick } from "./command.js";
import { generationSchema, repsetNameSchema, rulePathSchema } from "./input-schemas.js";
import { jobReportSchema, planPartSchema } from "./job-schemas.js";
import { mirrorWishInput } from "./mirror-commands.js";
import { repsetSchema } from "./report-schemas.js";

/** It is a walk over the source. */
const WALK_MS = 600_000;

const namesMax = z.number().int().min(0).max(1000).default(20);

const mirrorInput = z.strictObject({ ...mirrorWishInput, namesMax }).superRefine((input, context) => {
  const message = contradictionIn(input);
  if (message !== null) context.addIssue({ code: "custom", message });
});

const rulePlanSchema: z.ZodType<RulePlan> = z.object({
  repset: repsetSchema,
  dropped: z.array(z.object({ rule: ruleSchema, reason: z.string() })),
  included: planPartSchema,
  excluded: planPartSchema,
  problems: z.number(),
  connections: z.array(z.object({ id: z.number(), target: z.string() })).readonly(),
});

export const PLAN_COMMANDS = [
  defineCommand({
    name: "mirror.plan",
    role: "admin",
    summary: "Starts a job that finds out what a mirror would do, and changes nothing. Answers with its first report.",
    input: mirrorInput,
    output: z.object({ job: jobReportSchema }),
    deadlineMs: quick,
    handler: async (agent, { id, namesMax: names, ...wish }) => ({ job: await agent.jobs.startPlan(id, wish, names) }),
  }),
  defineCommand({
    name: "repset.rule.plan",
    role: "admin",
    summary: "What would belong to a replication set, and what not any more, were a rule added or removed. Nothing is saved.",
    input: z.strictObject({
      name: repsetNameSchema,
      edit: z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("add"), rule: ruleSchema }),
        z.strictObject({ kind: z.literal("remove"), path: rulePathSchema, mode: z.enum(["include", "exclude"]).optional() }),
      ]),
      generation: generationSchema.optional(),
      namesMax,
    }),
    output: z.object({ plan: rulePlanSchema }),
    deadlineMs: () => WALK_MS,
    handler: async (agent, { name, edit, generation, namesMax: names }) => ({
      plan: await agent.repsets.planRules(name, edit, { generation, namesMax: names }),
    }),
  }),
] as const;
