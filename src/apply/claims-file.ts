// The claims of all connections on this target, as they are kept: `claims.json`.

import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { mappingSchema } from "../model/connection-spec.js";

const claimSchema = z.strictObject({
  /** Key of the connection. */
  key: z.string(),
  peer: z.string(),
  repset: z.string(),
  mappings: z.array(mappingSchema).min(1),
});

export type TargetClaim = z.infer<typeof claimSchema>;

export function readClaims(path: string): readonly TargetClaim[] {
  if (!existsSync(path)) return [];
  try {
    return z.array(claimSchema).parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new SmError("STATE_CORRUPT", `${path} cannot be read`, { cause: error });
  }
}
