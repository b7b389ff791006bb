// What source and target say to each other on a channel beside change sets (protocol sm.1).
// The transport encodes, validates and carries these; the connection decides on them.

import { z } from "zod";
import { type BytePath, isBytePath, PATH_BYTES_MAX } from "./byte-path.js";
import type { Answer } from "./change.js";
import { compressionSchema } from "./compression.js";
import { mappingSchema } from "./connection-spec.js";
import { rulesSchema } from "./rule.js";
import { timeMsSchema } from "./wire-time.js";

export const ORIGINS_MAX = 1024;

/** Where content of a source comes from: `place`/x is a copy of `path`/x on the agent with that certificate, first sent by its connection `key`. */
export const originSchema = z.strictObject({
  place: z.string().startsWith("/").max(PATH_BYTES_MAX),
  /** sha256 of its certificate, lower-case hex. */
  agent: z.string().regex(/^[0-9a-f]{64}$/),
  path: z.string().startsWith("/").max(PATH_BYTES_MAX),
  key: z.string().regex(/^[0-9a-f]{32}$/),
});
export type Origin = z.infer<typeof originSchema>;

/** Of a connection, over its whole life. */
export const connectionKeySchema = z.string().regex(/^[0-9a-f]{32}$/);

/** First word of the source on a channel. */
export const helloSchema = z.strictObject({
  /** Unique for the connection over its whole life; survives restarts. */
  connectionKey: connectionKeySchema,
  connectionId: z.number().int().positive(),
  repset: z.string().min(1).max(255),
  generation: z.number().int().nonnegative(),
  rules: rulesSchema,
  mappings: z.array(mappingSchema).min(1).max(256),
  /** Identity of the source's journal; sequence numbers are comparable within one epoch only. */
  epoch: z.string().regex(/^[0-9a-f]{16}$/),
  remapLinks: z.boolean(),
  durability: z.enum(["none", "write", "fsync"]),
  /** The highest level that sets may come in, and every one below it: the target reads them. */
  compression: compressionSchema,
  sourceTimeMs: timeMsSchema,
  /** Kernel boot and mount namespace of the source: equal on both sides = one machine (loop check). */
  machine: z.string().max(256),
  /** What other connections bring into the mapped sources, over however many agents: a chain that closes is refused. */
  origins: z.array(originSchema).max(ORIGINS_MAX).default([]),
  /** Where each mapped source lies in the sense of the rules, in order; absent = where it is. A copy that is sent back lies elsewhere. */
  ruleRoots: z.array(z.string().startsWith("/").max(PATH_BYTES_MAX)).min(1).max(256).exactOptional(),
  /** A person decided that the target is to become as the source is, though it was to be restored first. */
  discardsRestore: z.literal(true).exactOptional(),
  /** Further sockets of this channel show it; never the same twice. Said to targets that take such. */
  joinKey: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  version: z.string().max(64),
});
export type Hello = z.infer<typeof helloSchema>;

/** The target's reply when it takes the connection. */
export const welcomeSchema = z.strictObject({
  /** Last set applied in this epoch; 0 when the target knows another epoch or none. */
  appliedSeq: z.number().int().nonnegative(),
  durableSeq: z.number().int().nonnegative(),
  /** The target knows this epoch: the stream can go on after appliedSeq. */
  resumed: z.boolean(),
  /** Target was restarted by a crash of its machine: what was applied after durableSeq may be damaged. */
  suspect: z.boolean(),
  /** Absent when it knows none but this: the epoch that it knew before, and the last set applied of it. */
  before: z.strictObject({ epoch: z.string().regex(/^[0-9a-f]{16}$/), appliedSeq: z.number().int().nonnegative() }).optional(),
  /** Every mapped root is absent or empty: a full mirror needs no comparison. */
  empty: z.boolean(),
  /** What the target cannot keep, e.g. owners when it is not root. */
  limits: z.array(z.string().max(500)).max(20),
  targetTimeMs: timeMsSchema,
  version: z.string().max(64),
  name: z.string().max(255),
});
export type Welcome = z.infer<typeof welcomeSchema>;

/** Retry state of the target: it cannot write now and says why. */
export const retryingSchema = z.strictObject({
  code: z.string().max(64),
  path: z.string().max(8192),
  message: z.string().max(2000),
  sinceMs: timeMsSchema,
  attempts: z.number().int(),
});
export type Retrying = z.infer<typeof retryingSchema>;

/** Why the target is not at a state that the source had. */
export const doubtSchema = z.strictObject({
  code: z.enum(["NOT_A_COPY", "REPAIRS_PENDING", "FORCED", "STAGE_LIMIT", "STAGE_FAILED", "NO_CUT_YET"]),
  message: z.string().max(2000),
  /** Clock of the target. */
  sinceMs: timeMsSchema,
});
export type Doubt = z.infer<typeof doubtSchema>;

/** The last state that the source had and the target was brought to. */
export interface ConsistencyPoint {
  /** The closed set that completed it; 0 = there was none. */
  readonly consistentSeq: number;
  /** When the source had it, by the source's clock. */
  readonly consistentTimeMs: number;
  /** Null: what was applied since is nothing, or part of no other state. */
  readonly doubt: Doubt | null;
}

/** What the source knows of the target: a copy as soon as set `fromSeq` is applied, or no copy because `why`. */
export interface CopyClaim {
  readonly fromSeq: number | null;
  readonly why: string;
}

/** Cumulative progress of the target, sent after each applied batch and each durability point. */
export interface Ack extends ConsistencyPoint {
  readonly appliedSeq: number;
  readonly durableSeq: number;
  /** Applied, or held until the state is complete: not before the source's eyes any more, but to be sent again on another channel. */
  readonly takenSeq: number;
  readonly answers: readonly Answer[];
  readonly retrying: Retrying | null;
}

const wireBytePathSchema = z.string().refine((text): text is BytePath => isBytePath(text), "a path in bytes");

/** Paths of the target that refused changes, and what the source is to do about them. Each of these words replaces the one before. */
export const quarantineNewsSchema = z.strictObject({
  count: z.number().int().nonnegative(),
  /** Of them those that were refused for longer than the target retries, or that a person gave up. */
  givenUp: z.number().int().nonnegative(),
  /** The first of them, for people. */
  shown: z
    .array(
      z.strictObject({
        id: z.number().int().positive(),
        path: z.string().max(8192),
        code: z.string().max(64),
        message: z.string().max(2000),
        /** Clock of the target. */
        sinceMs: timeMsSchema,
        attempts: z.number().int().nonnegative(),
        /** Clock of the target; null = it is being compared, or waits for a person. */
        nextMs: timeMsSchema.nullable(),
      }),
    )
    .max(20),
  /** To be compared with the source, and repaired, now. `seq`: the set up to which renames are known. */
  asks: z.array(z.strictObject({ root: z.number().int().nonnegative().max(4096), path: wireBytePathSchema, seq: z.number().int().nonnegative() })).max(200),
  /** Number of the last question; a `mended` answers all up to one. */
  asked: z.number().int().nonnegative(),
  /** The last question that takes a mirror. `isAutomatic` false: a person is to start it. */
  mirror: z.strictObject({ ask: z.number().int().positive(), isAutomatic: z.boolean() }).nullable(),
});
export type QuarantineNews = z.infer<typeof quarantineNewsSchema>;

/** The source has cared for every question up to `ask`: what it sent for that is in the sets up to `seq`. */
export const mendedSchema = z.strictObject({ ask: z.number().int().positive(), seq: z.number().int().nonnegative() });
export type Mended = z.infer<typeof mendedSchema>;

/** Why a target will not take a connection. `code` is an ErrorCode. */
export const refusalSchema = z.strictObject({
  code: z.string().max(64),
  message: z.string().max(2000),
});
export type Refusal = z.infer<typeof refusalSchema>;
