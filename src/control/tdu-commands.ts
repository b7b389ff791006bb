import { z } from "zod";
import { compressionSchema } from "../model/compression.js";
import type { SimulationResult } from "../model/simulation.js";
import { type PackingEffect, type SizingReport, STANDARD_QUESTION } from "../model/sizing-report.js";
import { RATE_MIN } from "../model/transmission.js";
import { defineCommand } from "./command.js";
import { connectionIdSchema } from "./input-schemas.js";

/** Weeks of figures are read and replayed. */
const REPORT_MS = 120_000;
const ASKED_MAX = 20;
const YEAR_SECONDS = 366 * 86_400;

const effectSchema: z.ZodType<PackingEffect> = z.object({
  sampledBytes: z.number(),
  share: z.number().nullable(),
  cpuMsPerMiB: z.number().nullable(),
});

const rateFiguresSchema = z.object({
  ...{ count: z.number(), mean: z.number(), median: z.number(), p95: z.number(), p99: z.number(), peak: z.number() },
  peakAt: z.string().nullable(),
});

const sizingReportSchema: z.ZodType<SizingReport> = z.object({
  from: z.string(),
  to: z.string(),
  observedSeconds: z.number(),
  missingSeconds: z.number(),
  totals: z.object({
    ...{ changes: z.number(), bytes: z.number(), sentBytes: z.number(), wireBytes: z.number() },
    ...{ mirrorBytes: z.number(), mirrorWireBytes: z.number(), queueBytesMax: z.number(), lagMsMax: z.number() },
  }),
  set: z.object({ files: z.number(), bytes: z.number() }),
  minutes: rateFiguresSchema,
  hours: rateFiguresSchema,
  hoursOfDay: z.array(z.object({ hour: z.number(), observedSeconds: z.number(), mean: z.number(), peakMinute: z.number() })),
  levels: z.array(z.object({ level: compressionSchema, changes: effectSchema, mirror: effectSchema })),
  bandwidth: z.array(z.object({ lagSeconds: z.number(), level: compressionSchema, bytesPerSecond: z.number().nullable() })),
  queue: z.object({ outageSeconds: z.number(), bytes: z.number(), from: z.string() }),
  links: z.array(z.object({ bytesPerSecond: z.number(), level: compressionSchema, mirrorSeconds: z.number().nullable(), lagSeconds: z.number().nullable() })),
  notes: z.array(z.string()),
});

const resultSchema: z.ZodType<SimulationResult> = z.object({ files: z.array(z.string()), report: sizingReportSchema });

const seconds = z.number().min(0).max(YEAR_SECONDS);

export const TDU_COMMANDS = [
  defineCommand({
    name: "tdu.report",
    role: "monitor",
    summary: "What a simulation, running or over, says about the link, the queue and the compression that a true connection needs.",
    input: z.strictObject({
      id: connectionIdSchema,
      lagSeconds: z
        .array(seconds)
        .min(1)
        .max(ASKED_MAX)
        .default([...STANDARD_QUESTION.lagSeconds]),
      outageSeconds: seconds.default(STANDARD_QUESTION.outageSeconds),
      rates: z
        .array(z.number().min(RATE_MIN).max(1e12))
        .min(1)
        .max(ASKED_MAX)
        .default([...STANDARD_QUESTION.rates]),
    }),
    output: resultSchema,
    deadlineMs: () => REPORT_MS,
    handler: (agent, { id, ...question }) => agent.simulation.report(id, question),
  }),
] as const;
