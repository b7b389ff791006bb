// What a target must know of a connection to complete what was staged, and to tell of it, while the source is away:
// `terms.json` in the connection's state directory.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import { mappingSchema } from "../model/connection-spec.js";
import { rulesSchema } from "../model/rule.js";
import type { Hello } from "../model/session.js";

const termsSchema = z.strictObject({
  connectionId: z.number(),
  peer: z.string(),
  repset: z.string(),
  mappings: z.array(mappingSchema).min(1),
  rules: rulesSchema,
  remapLinks: z.boolean(),
  durability: z.enum(["none", "write", "fsync"]),
  /** Where each mapped source lies in the sense of the rules; absent = where it is. */
  ruleRoots: z.array(z.string()).exactOptional(),
  /** What comes is a copy that this agent asked back: nothing of it outlives the channel and its agent. */
  isRestore: z.literal(true).exactOptional(),
});

export type TargetTerms = z.infer<typeof termsSchema>;

export function termsOf(peer: string, hello: Hello, isRestore = false): TargetTerms {
  const { connectionId, repset, mappings, rules, remapLinks, durability, ruleRoots } = hello;
  const terms = { connectionId, peer, repset, mappings, rules, remapLinks, durability };
  return { ...terms, ...(ruleRoots === undefined ? {} : { ruleRoots }), ...(isRestore ? { isRestore } : {}) };
}

function pathIn(stateDirectory: string): string {
  return join(stateDirectory, "terms.json");
}

export function readTerms(stateDirectory: string): TargetTerms | null {
  const path = pathIn(stateDirectory);
  if (!existsSync(path)) return null;
  try {
    return termsSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new SmError("STATE_CORRUPT", `${path} cannot be read`, { cause: error });
  }
}

export function writeTerms(stateDirectory: string, terms: TargetTerms): void {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const path = pathIn(stateDirectory);
  const text = JSON.stringify(terms);
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileAtomic(path, text);
}
