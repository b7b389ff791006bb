// What the source said last about the target: kept, so that it can be asked for when the source is gone.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import type { HeardClaim } from "./consistency.js";

const claimSchema = z.strictObject({ epoch: z.string(), fromSeq: z.number().nullable(), why: z.string(), sinceMs: z.number() });

export type KeptClaim = z.infer<typeof claimSchema> & HeardClaim;

export const UNHEARD: KeptClaim = { epoch: "", fromSeq: null, why: "the source has not said that the target is a copy", sinceMs: 0 };

function pathIn(stateDirectory: string): string {
  return join(stateDirectory, "copy.json");
}

export function readClaim(stateDirectory: string): KeptClaim {
  const path = pathIn(stateDirectory);
  if (!existsSync(path)) return UNHEARD;
  try {
    return claimSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new SmError("STATE_CORRUPT", `${path} cannot be read`, { cause: error });
  }
}

export function writeClaim(stateDirectory: string, claim: KeptClaim): void {
  writeFileAtomic(pathIn(stateDirectory), JSON.stringify(claim));
}
