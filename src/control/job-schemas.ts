// What the commands of jobs give.

import { z } from "zod";
import type { JobReport } from "../model/job.js";
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

export const jobReportSchema: z.ZodType<JobReport> = z.object({
  id: z.number(),
  kind: z.enum(["verify"]),
  connectionId: z.number(),
  repset: z.string(),
  target: z.string(),
  status: z.enum(["Waiting", "Running", "Done", "Stopped", "Failed"]),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  percent: z.number(),
  message: z.string().nullable(),
  verify: z.object({
    content: z.enum(["times", "flagged", "all"]),
    repair: z.enum(["no", "all", "newer"]),
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
  }),
});
