import { z } from "zod";
import { cleanMarkSchema } from "../model/clean-mark.js";
import { connectionOptionsSchema, mappingSchema } from "../model/connection-spec.js";
import { transmissionSchema } from "../model/transmission.js";
import { guardRecordSchema, NOTHING_HELD } from "./guard-record.js";

/** A mirror that must run before the target can be called good. */
export const mirrorNeedSchema = z.strictObject({
  reason: z.enum(["initial", "manual", "restart", "queue", "target", "rules", "problem"]),
  message: z.string(),
  /** ISO 8601. */
  since: z.string(),
  mode: z.enum(["full", "difference"]),
  /** Which contents are compared (see MirrorContent); absent = times. */
  content: z.enum(["times", "checksum", "checksum-all"]).exactOptional(),
  /** Only files that are newer on the source are sent; absent = all. */
  newerOnly: z.boolean().exactOptional(),
  /** Paths on the source that alone are mirrored; absent = the whole set. */
  paths: z.array(z.string()).readonly().exactOptional(),
  /** What happens to names that the source lacks: replication may remove what it put there, a first mirror may not. */
  extras: z.enum(["report", "remove"]),
  /** Files changed since then (ms) are compared by content, whatever their times say; null = none. */
  changedSinceMs: z.number().nullable(),
  /** False: waits for a person (connected with --no-mirror, or stopped by hand). */
  isAutomatic: z.boolean(),
  /** The checkpoint covers everything else: what the source's metadata shows to have changed since is compared, and nothing more. */
  isScan: z.boolean().optional(),
});

export type MirrorNeed = z.infer<typeof mirrorNeedSchema>;

/** The target has, durably, all that the source was at a mark. */
export const checkpointSchema = z.strictObject({
  /** The stream that the target must know, and the set that it must have of it. */
  epoch: z.string(),
  seq: z.number(),
  mark: cleanMarkSchema,
});

export type Checkpoint = z.infer<typeof checkpointSchema>;

/** What is kept of a connection over restarts: `<stateDir>/connections/<id>.json`. */
export const connectionRecordSchema = z.strictObject({
  id: z.number().int().positive(),
  key: z.string(),
  repset: z.string(),
  peer: z.string(),
  /** There is no target: nothing is stored anywhere. Absent = there is one. */
  isSimulated: z.literal(true).exactOptional(),
  mappings: z.array(mappingSchema).min(1),
  options: connectionOptionsSchema,
  createdAt: z.string(),
  /** Identity of each root, by mapping: while a root is missing or another directory, the connection is halted. */
  roots: z.array(z.strictObject({ path: z.string(), fsid: z.string(), ino: z.number(), btime: z.string().default("") })),
  epoch: z.string(),
  durableSeq: z.number(),
  mirrorNeed: mirrorNeedSchema.nullable(),
  /** A mirror of some paths that a person asked for: it takes nothing away from what is owed. Absent = none. */
  partMirror: mirrorNeedSchema.nullable().exactOptional(),
  wasMirrored: z.boolean(),
  /** Every change before this time (source clock, ms) is durably on the target, or covered by `mirrorNeed`. */
  cleanUntilMs: z.number(),
  /** When and how fast it may send; absent = as soon and as fast as possible. */
  transmission: transmissionSchema.optional(),
  /** Null: after a restart all of the target is compared. */
  checkpoint: checkpointSchema.nullable().default(null),
  guard: guardRecordSchema.default(NOTHING_HELD),
});

export type ConnectionRecord = z.infer<typeof connectionRecordSchema>;
