import { z } from "zod";
import { cleanMarkSchema } from "../model/clean-mark.js";
import { connectionOptionsSchema, mappingSchema } from "../model/connection-spec.js";
import { orphanOptionsSchema } from "../model/orphans.js";
import { scrubSchema } from "../model/scrub.js";
import { transmissionSchema } from "../model/transmission.js";
import { verifyPlanSchema } from "../model/verify-schedule.js";
import { guardRecordSchema, NOTHING_HELD } from "./guard-record.js";
import { keptPointerSchema } from "./mirror-pointer.js";

/** A mirror that must run before the target can be called good. */
export const mirrorNeedSchema = z.strictObject({
  reason: z.enum(["initial", "manual", "restart", "queue", "target", "rules", "problem", "restore", "replication"]),
  message: z.string(),
  /** ISO 8601. */
  since: z.string(),
  mode: z.enum(["full", "difference"]),
  /** Which contents are compared (see MirrorContent); absent = times. */
  content: z.enum(["times", "checksum", "checksum-all"]).exactOptional(),
  /** Only files that are newer on the source are sent; absent = all. */
  newerOnly: z.boolean().exactOptional(),
  /** Only what the target lacks is sent; absent = all. */
  missingOnly: z.boolean().exactOptional(),
  /** Files without content are left out; absent = they are not. */
  skipsEmpty: z.boolean().exactOptional(),
  /** Whether its size is calculated; absent = as configured. */
  isSized: z.boolean().exactOptional(),
  /** Paths on the source that alone are mirrored; absent = the whole set. */
  paths: z.array(z.string()).readonly().exactOptional(),
  /** A person paused it. `since` (ISO 8601), and how far it was; null = it had not begun, or its size was not calculated. */
  paused: z.strictObject({ since: z.string(), percent: z.number().nullable() }).exactOptional(),
  /** Up to there the target has, durably, all that it asks for beyond a difference mirror; absent = nothing is known to be done. */
  doneThrough: keptPointerSchema.exactOptional(),
  /** It was at hard links when it was cut short, or directories may have moved unseen: size and time do not vouch for contents any more. */
  isSettling: z.boolean().exactOptional(),
  /** What happens to names that the source lacks: replication may remove what it put there, a first mirror may not. */
  extras: z.enum(["report", "remove"]),
  /** They are told, and not removed, for no reason but that a person may want to see them: what happens beside this mirror has its own word. */
  tellsExtras: z.boolean().exactOptional(),
  /** Files changed since then (ms) are compared by content, whatever their times say; null = none. */
  changedSinceMs: z.number().nullable(),
  /** Of these, those that changed last in this span (ms) are compared by their times: they came from the target itself. */
  restored: z.strictObject({ fromMs: z.number(), untilMs: z.number() }).exactOptional(),
  /** False: waits for a person (connected with --no-mirror, or stopped by hand). */
  isAutomatic: z.boolean(),
  /** What becomes, at its end, of what only the target has; absent = nothing is looked for. */
  orphans: orphanOptionsSchema.nullable().exactOptional(),
  /** The checkpoint covers everything else: what the source's metadata shows to have changed since is compared, and nothing more. */
  isScan: z.boolean().optional(),
  /** Another one is to follow it: replication was started while it ran, and what it had passed by then may have changed unseen. */
  again: z
    .strictObject({ message: z.string(), since: z.string(), changedSinceMs: z.number(), isSettling: z.boolean().exactOptional(), isAutomatic: z.boolean() })
    .exactOptional(),
});

export type MirrorNeed = z.infer<typeof mirrorNeedSchema>;

/** Why nothing is sent to the target. Discarded: a person decided against what it has, and it has not heard of that yet. */
export const restoreHoldSchema = z.strictObject({
  state: z.enum(["running", "owed", "discarded"]),
  /** Of the restore. */
  key: z.string(),
  /** Only some paths are restored, of a source that is whole otherwise. */
  isPart: z.boolean(),
  message: z.string(),
  /** ISO 8601. */
  since: z.string(),
});

export type RestoreHold = z.infer<typeof restoreHoldSchema>;

/** A job of orphans that begins behind a mirror, or behind a verification. */
export const sweepSchema = z.strictObject({
  orphans: orphanOptionsSchema,
  behind: z.strictObject({ kind: z.enum(["mirror", "verify"]), id: z.number() }),
  /** ISO 8601. */
  since: z.string(),
});

export type Sweep = z.infer<typeof sweepSchema>;

/** The target has, durably, all that the source was at a mark. */
export const checkpointSchema = z.strictObject({
  /** The stream that the target must know, and the set that it must have of it. */
  epoch: z.string(),
  seq: z.number(),
  mark: cleanMarkSchema,
});

export type Checkpoint = z.infer<typeof checkpointSchema>;

/**
 * Live sets in (afterSeq, untilSeq] are not for this connection: replication was stopped. `afterSeq` null: what the target holds of a state
 * is sent to its end first. `untilSeq` null: it is stopped still. `moves`: among them, or while nobody looked, directories may have moved.
 */
export const passedSpanSchema = z.strictObject({
  afterSeq: z.number().nullable(),
  untilSeq: z.number().nullable(),
  since: z.string(),
  moves: z.boolean().exactOptional(),
});

export type PassedSpan = z.infer<typeof passedSpanSchema>;

const rootSchema = z.strictObject({ path: z.string(), fsid: z.string(), ino: z.number(), btime: z.string().default("") });

/** What is kept of a connection over restarts: `<stateDir>/connections/<id>.json`. */
export const connectionRecordSchema = z.strictObject({
  id: z.number().int().positive(),
  key: z.string(),
  repset: z.string(),
  peer: z.string(),
  /** There is no target: nothing is stored anywhere. Absent = there is one. */
  isSimulated: z.literal(true).exactOptional(),
  /** The file of connections.d that made it, without ".yaml"; absent = a command did. */
  file: z.string().exactOptional(),
  mappings: z.array(mappingSchema).min(1),
  options: connectionOptionsSchema,
  createdAt: z.string(),
  /** Identity of each root, by mapping: while a root is missing or another directory, the connection is halted. */
  roots: z.array(rootSchema),
  /** Its source was restored, into these directories: all connections of the set are to go on with them. Absent = they do. */
  adopts: z.array(rootSchema).nullable().exactOptional(),
  epoch: z.string(),
  durableSeq: z.number(),
  mirrorNeed: mirrorNeedSchema.nullable(),
  /** Verifications without anybody asking. */
  verifyPlan: verifyPlanSchema.optional(),
  /** Contents compared in the background: what is set, and how far it is. */
  scrub: scrubSchema.optional(),
  /** What becomes of what only the target has, once what went before is done: still to begin. */
  sweep: sweepSchema.nullable().optional(),
  /** A mirror of some paths that a person asked for: it takes nothing away from what is owed. Absent = none. */
  partMirror: mirrorNeedSchema.nullable().exactOptional(),
  wasMirrored: z.boolean(),
  /** A mirror that went by contents ended with this set, and the target need not have it on its disk yet; absent = it has. */
  unproven: z.strictObject({ epoch: z.string(), seq: z.number() }).nullable().exactOptional(),
  /** Every change before this time (source clock, ms) is durably on the target, or covered by `mirrorNeed`. */
  cleanUntilMs: z.number(),
  /** When and how fast it may send; absent = as soon and as fast as possible. */
  transmission: transmissionSchema.optional(),
  /** Those that the target has not passed, in order; the last may be open. Absent = none, or all live sets where it never replicated. */
  passedOver: z.array(passedSpanSchema).readonly().exactOptional(),
  /** Null: after a restart all of the target is compared. */
  checkpoint: checkpointSchema.nullable().default(null),
  guard: guardRecordSchema.default(NOTHING_HELD),
  /** The data of the source is to come back from the target first: nothing is sent meanwhile. Absent = it is not. */
  restore: restoreHoldSchema.nullable().exactOptional(),
});

export type ConnectionRecord = z.infer<typeof connectionRecordSchema>;
