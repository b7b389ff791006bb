import { z } from "zod";
import { orphanOptionsSchema } from "../model/orphans.js";
import { defineCommand, quick, WAIT_GRACE_MS } from "./command.js";
import { connectionIdSchema, pollTimeoutSchema } from "./input-schemas.js";
import { jobReportSchema } from "./job-schemas.js";

export const oneJob = z.object({ job: jobReportSchema });
const jobId = z.number().int().positive();

export const JOB_COMMANDS = [
  defineCommand({
    name: "job.list",
    role: "monitor",
    summary: "The jobs of the connections, the newest first.",
    input: z.strictObject({ id: connectionIdSchema.optional() }),
    output: z.object({ jobs: z.array(jobReportSchema).readonly() }),
    deadlineMs: quick,
    handler: async (agent, input) => ({ jobs: await agent.jobs.list(input.id) }),
  }),
  defineCommand({
    name: "job.show",
    role: "monitor",
    summary: "One job, with the first of what it found.",
    input: z.strictObject({ job: jobId }),
    output: oneJob,
    deadlineMs: quick,
    handler: async (agent, input) => ({ job: await agent.jobs.show(input.job) }),
  }),
  defineCommand({
    name: "job.wait",
    isWait: true,
    role: "monitor",
    summary: "The job when it has ended, or as it is after `timeoutMs`.",
    input: z.strictObject({ job: jobId, timeoutMs: pollTimeoutSchema }),
    output: oneJob,
    deadlineMs: (input) => input.timeoutMs + WAIT_GRACE_MS,
    handler: async (agent, input) => ({ job: await agent.jobs.wait(input.job, input.timeoutMs) }),
  }),
  defineCommand({
    name: "job.stop",
    role: "admin",
    summary: "Ends a job; one that has ended stays as it is.",
    input: z.strictObject({ job: jobId }),
    output: oneJob,
    deadlineMs: quick,
    handler: async (agent, input) => ({ job: await agent.jobs.stop(input.job) }),
  }),
  defineCommand({
    name: "orphans.start",
    role: "admin",
    summary: "Starts a job that reports, deletes or moves what the target has and the source does not. Answers with its first report.",
    input: orphanOptionsSchema.extend({ id: connectionIdSchema }),
    output: oneJob,
    deadlineMs: quick,
    handler: async (agent, { id, ...options }) => ({ job: await agent.jobs.startOrphans(id, options) }),
  }),
] as const;
