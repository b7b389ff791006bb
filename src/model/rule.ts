// The rules of a replication set as data (design §2). Deciding with them: repset-matcher.ts.

import { z } from "zod";

/**
 * `path` absolute: a literal directory prefix, then optionally a micromatch glob.
 * A rule without glob names a directory (or file) and, when recursive, all below it.
 */
export const ruleSchema = z.strictObject({
  path: z.string().min(1).max(4095),
  mode: z.enum(["include", "exclude"]),
  recursive: z.boolean().default(true),
});

export type Rule = z.infer<typeof ruleSchema>;

export const rulesSchema = z.array(ruleSchema).max(10_000);

export interface RepsetData {
  readonly name: string;
  /** Grows with each save; a save on top of another generation is refused. */
  readonly generation: number;
  readonly rules: readonly Rule[];
}
