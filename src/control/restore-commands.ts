import { z } from "zod";
import { PATH_BYTES_MAX } from "../model/byte-path.js";
import { orphansChoiceSchema, overwriteSchema, restoreRateSchema } from "../model/restore.js";
import { defineCommand } from "./command.js";
import { siteNameSchema } from "./input-schemas.js";
import { jobReportSchema } from "./job-schemas.js";

/** A name, or that of a source, a slash, and the name: of several copies of sets with that name. */
const copyNameSchema = z.string().min(1).max(511);
/** The holder is asked first, and may have to be reached; the connection is brought to a stand. */
const startMs = (): number => 60_000;

export const RESTORE_COMMANDS = [
  defineCommand({
    name: "restore.start",
    role: "admin",
    summary: "Starts to bring the data of a replication set back from a target's copy. Answers with the first report of the job.",
    input: z.strictObject({
      repset: copyNameSchema,
      from: siteNameSchema,
      to: siteNameSchema.nullable().default(null),
      overwrite: overwriteSchema.default("always"),
      checksum: z.boolean().default(false),
      orphans: orphansChoiceSchema.default("keep"),
      paths: z.array(z.string().startsWith("/").max(PATH_BYTES_MAX)).min(1).max(1000).nullable().default(null),
      /** What the holder sends in a second at most; null = no limit. */
      bytesPerSecond: restoreRateSchema.nullable().default(null),
    }),
    output: z.object({ job: jobReportSchema }),
    deadlineMs: startMs,
    handler: async (agent, { repset, from, to, bytesPerSecond, ...wish }) => {
      const options = { ...wish, ...(bytesPerSecond === null ? {} : { bytesPerSecond }) };
      return { job: await agent.restores.start({ repset, from, to, options }) };
    },
  }),
  defineCommand({
    name: "restore.stop",
    role: "admin",
    summary: "Ends the restores of a set, null = all; what is back stays, and the connection stays held.",
    input: z.strictObject({ repset: copyNameSchema.nullable().default(null) }),
    output: z.object({ jobs: z.array(jobReportSchema).readonly() }),
    deadlineMs: startMs,
    handler: async (agent, { repset }) => ({ jobs: await agent.restores.stop(repset) }),
  }),
] as const;
