// What the commands of jobs give.

import { z } from "zod";
import type { JobReport, VerifyReport } from "../model/job.js";
import type { OrphanSums } from "../model/orphan-sums.js";
import type { OrphansReport } from "../model/orphans.js";
import { type PlanPart, type PlanReport, partsOf } from "../model/plan.js";
import { orphansChoiceSchema, overwriteSchema, type RestoreReport, restoreCountsSchema } from "../model/restore.js";
import type { VerifyCounts } from "../model/verify.js";

const countsSchema: z.ZodType<VerifyCounts> = z.object({
  filesTotal: z.number(),
  bytesTotal: z.number(),
  directories: z.number(),
  directoriesMissing: z.number(),
  directoriesDifferent: z.number(),
  files: z.number(),
  filesMissing: z.number(),
  filesDifferent: z.number(),
  bytes: z.number(),
  bytesMissing: z.number(),
  bytesDifferent: z.number(),
  extras: z.number(),
  repaired: z.number(),
  unjudged: z.number(),
});

const sumsShape = { files: z.number(), directories: z.number(), bytes: z.number() };
const sumsSchema: z.ZodType<OrphanSums> = z.object(sumsShape);

const orphanOptionsShape = {
  action: z.enum(["report", "delete", "move"]),
  to: z.string().nullable(),
  olderThanMs: z.number().nullable(),
  includesExcluded: z.boolean(),
  isConfirmed: z.boolean(),
  isDryRun: z.boolean(),
};

const orphansSchema: z.ZodType<OrphansReport> = z.object({
  ...orphanOptionsShape,
  counts: z.object({
    directoriesTotal: z.number(),
    directoriesDone: z.number(),
    names: z.number(),
    found: sumsSchema,
    done: sumsSchema,
    kept: z.number(),
    failed: z.number(),
    isPartial: z.boolean(),
  }),
  findings: z
    .array(
      z.object({
        path: z.string(),
        isDirectory: z.boolean(),
        files: z.number(),
        directories: z.number(),
        bytes: z.number(),
        outcome: z.enum(["found", "deleted", "moved", "partly", "failed", "gone"]),
        message: z.string().nullable(),
      }),
    )
    .readonly(),
});

const factsSchema = z.object({
  id: z.number(),
  connectionId: z.number(),
  repset: z.string(),
  target: z.string(),
  startedBy: z.enum(["person", "schedule", "mirror", "verification", "scrub"]),
  status: z.enum(["Waiting", "Running", "Done", "Stopped", "Failed"]),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  percent: z.number(),
  message: z.string().nullable(),
});

const verifySchema: z.ZodType<VerifyReport> = z.object({
  content: z.enum(["times", "flagged", "all"]),
  repair: z.enum(["no", "all", "newer"]),
  orphans: z.object(orphanOptionsShape).nullable(),
  counts: countsSchema,
  differences: z.number(),
  findings: z
    .array(
      z.object({
        path: z.string(),
        why: z.enum(["missing", "type", "content", "attr", "link", "extra"]),
        differingBytes: z.number().nullable(),
        isRepaired: z.boolean(),
      }),
    )
    .readonly(),
  logFile: z.string(),
  orphansJob: z.number().nullable(),
});

const mappingsSchema = z.array(z.object({ source: z.string(), target: z.string() })).readonly();

const restoreSchema: z.ZodType<RestoreReport> = z.object({
  overwrite: overwriteSchema,
  checksum: z.boolean(),
  orphans: orphansChoiceSchema,
  paths: z.array(z.string()).readonly().nullable(),
  bytesPerSecond: z.number().nullable(),
  from: z.string(),
  to: z.string(),
  mappings: mappingsSchema,
  counts: restoreCountsSchema,
  doubt: z.string().nullable(),
});

export const planPartSchema: z.ZodType<PlanPart> = z.object({ ...sumsShape, names: z.array(z.string()).readonly() });

const planSchema: z.ZodType<PlanReport> = z.object({
  wish: z.object({
    mode: z.enum(["full", "difference"]),
    content: z.enum(["times", "checksum", "checksum-all"]),
    newerOnly: z.boolean(),
    missingOnly: z.boolean().exactOptional(),
    skipsEmpty: z.boolean().exactOptional(),
    paths: z.array(z.string()).readonly().exactOptional(),
  }),
  namesMax: z.number(),
  counts: z.object({
    filesTotal: z.number(),
    bytesTotal: z.number(),
    files: z.number(),
    bytes: z.number(),
    directories: z.number(),
    unjudged: z.number(),
    uncounted: z.number(),
  }),
  parts: z.object(partsOf(() => planPartSchema)),
});

export const jobReportSchema: z.ZodType<JobReport> = z.discriminatedUnion("kind", [
  factsSchema.extend({ kind: z.literal("verify"), verify: verifySchema }),
  factsSchema.extend({ kind: z.literal("orphans"), orphans: orphansSchema }),
  factsSchema.extend({ kind: z.literal("restore"), restore: restoreSchema }),
  factsSchema.extend({ kind: z.literal("plan"), plan: planSchema }),
]);
