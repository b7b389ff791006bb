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
  /** After all that is written by then, by the clock of then; absent = by an older version. */
  reachMs: z.number().exactOptional(),
  /** "" when a sync failed: what it was to write may be lost, as after a crash. */
  bootId: z.string(),
  /** Nothing was applied since: written at an orderly stop, withdrawn before the next set. */
  clean: z.boolean(),
  suspect: z.strictObject({ fromMs: z.number(), untilMs: z.number() }).nullable(),
  /** The source has not been heard since the doubt arose: it must be told. */
  suspectPending: z.boolean(),
});

export type DurableState = z.infer<typeof durableSchema>;

/** It is on record so far ahead until when files may be written: a machine can start with a clock that is behind. */
export const REACH_MS = 600_000;

/** On a clock that is the same in all threads, and never set. */
export function uptimeMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** Made so long ago, as the clock goes now: files are written since then, however it was set meanwhile. */
export function inClock(state: DurableState, nowMs: number, agoMs: number): DurableState {
  const { wallTimeMs, reachMs = 0 } = state;
  return { ...state, wallTimeMs: Math.min(wallTimeMs, nowMs - agoMs), reachMs: Math.max(reachMs, nowMs + REACH_MS) };
}

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
