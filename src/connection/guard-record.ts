import { z } from "zod";

/** What a connection holds back, and what was decided about it. */
export const guardHoldSchema = z.strictObject({
  decision: z.enum(["open", "rejected"]),
  /** The first set that is not sent. */
  fromSeq: z.number(),
  /** ISO 8601. */
  since: z.string(),
  /** Files that lost their last name or all of their content, of so many files. */
  lost: z.number(),
  files: z.number(),
  /** Files that were overwritten or replaced when it was noticed. */
  changed: z.number().default(0),
  /** Which of both limits was crossed, and how much it lets be; null = not known. */
  limit: z.enum(["lost", "changed"]).default("lost"),
  limitPercent: z.number().nullable().default(null),
  /** Not a share but a number of files was crossed. */
  limitFiles: z.number().nullable().default(null),
  /** Null: lost while nobody watched, and found by a mirror. */
  windowSeconds: z.number().nullable(),
});

export type GuardHold = z.infer<typeof guardHoldSchema>;

/** What the guard of a connection keeps over restarts. */
export const guardRecordSchema = z.strictObject({
  /** Files of the set as they were last let through; null = not known. */
  files: z.number().nullable(),
  hold: guardHoldSchema.nullable(),
});

export type GuardRecord = z.infer<typeof guardRecordSchema>;

/** In another stream numbers begin anew: none of its sets may pass. */
export function heldIn(guard: GuardRecord, isSameStream: boolean): GuardRecord {
  return guard.hold === null || isSameStream ? guard : { ...guard, hold: { ...guard.hold, fromSeq: 0 } };
}

export const NOTHING_HELD: GuardRecord = { files: null, hold: null };
