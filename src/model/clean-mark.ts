// What a source can say of a moment at which all that had happened was told: enough to know, after the agent was killed and
// started again, where the tree may differ from what it was then (ADR 0026).

import { z } from "zod";

/** A moment by the source's clocks, and what must still hold for a scan of the metadata to find all that changed since. */
export const cleanMarkSchema = z.strictObject({
  /** Every change of a name or an inode whose ctime (ms) is earlier was told. */
  untilMs: z.number(),
  bootId: z.string(),
  /** The wall clock less the time since the boot (ms): another one after the clock was set. */
  bootTimeMs: z.number(),
  /** Digest of roots and rules. */
  set: z.string(),
  /** Of each root: the mount that it was in, a number that is never used again. */
  mounts: z.array(z.number()),
  /** The directory book, and the last entry that it had. */
  book: z.strictObject({ id: z.string(), seq: z.number() }),
  /** Files whose content may change while their ctime does not: mapped ones, and those that were about to be read. */
  hot: z.array(z.strictObject({ root: z.number(), dev: z.number(), ino: z.number() })),
});
export type CleanMark = z.infer<typeof cleanMarkSchema>;
