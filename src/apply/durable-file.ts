// What survives a crash of the machine for certain: how far the target's file systems were synced, in which boot, and
// which span of time is in doubt since. Written atomically and synced.

import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { writeFileAtomic } from "../fs/atomic-file.js";

const durableSchema = z.strictObject({
  epoch: z.string(),
  durableSeq: z.number().int().nonnegative(),
  /** Before the sync began: all that was applied by then is on disk. */
  wallTimeMs: z.number(),
  /** "" when a sync failed: what it was to write may be lost, as after a crash. */
  bootId: z.string(),
  /** Nothing was applied since: written at an orderly stop, withdrawn before the next set. */
  clean: z.boolean(),
  suspect: z.strictObject({ fromMs: z.number(), untilMs: z.number() }).nullable(),
  /** The source has not been heard since the doubt arose: it must be told. */
  suspectPending: z.boolean(),
});

export type DurableState = z.infer<typeof durableSchema>;

export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

export function readDurable(path: string): DurableState | null {
  if (!existsSync(path)) return null;
  try {
    return durableSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new SmError("STATE_CORRUPT", `${path} cannot be read`, { cause: error });
  }
}

export function writeDurable(path: string, state: DurableState): void {
  writeFileAtomic(path, JSON.stringify(state));
}
