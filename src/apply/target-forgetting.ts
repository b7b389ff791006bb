// A target forgets a connection: its state directory, its pause, its claim on the place; never what was replicated. Whatever is
// half done when the agent ends is completed at its next start: what is left of a state must not be taken for knowledge.

import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { syncDirectory } from "../fs/atomic-file.js";
import type { TargetClaims } from "./target-claims.js";
import type { TargetPauses } from "./target-pauses.js";

export interface TargetRecords {
  /** Holds one state directory per connection, named by its key. */
  readonly directory: string;
  readonly claims: TargetClaims;
  readonly pauses: TargetPauses;
}

const GONE = ".gone";

/** Nobody may have the state open. Repeating it is harmless. */
export async function forgetTarget({ directory, claims, pauses }: TargetRecords, key: string): Promise<void> {
  const state = join(directory, key);
  const gone = `${state}${GONE}`;
  if (existsSync(state)) {
    // Of an attempt that was cut short.
    rmSync(gone, { recursive: true, force: true });
    renameSync(state, gone);
    syncDirectory(directory);
  }
  pauses.forget(key);
  await claims.release(key);
  rmSync(gone, { recursive: true, force: true });
}

export async function finishForgetting(records: TargetRecords): Promise<void> {
  const keys = readdirSync(records.directory).filter((name) => name.endsWith(GONE));
  for (const name of keys) await forgetTarget(records, name.slice(0, -GONE.length));
}
