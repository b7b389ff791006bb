import * as Flags from "@oclif/core/flags";
import { SmError } from "../../base/errors.js";
import type { OrphanOptions } from "../../model/orphans.js";
import { parseDurationSeconds } from "./duration.js";

/** Of a command at whose end orphans are looked for. */
export const orphanFlags = {
  orphans: Flags.option({
    options: ["report", "delete", "move"] as const,
    description: "at its end, look for what the target has and the source does not: report, delete or move it",
  })(),
  to: Flags.string({ description: "with --orphans move: a directory on the target, outside of what is replicated", dependsOn: ["orphans"] }),
  "older-than": Flags.string({ description: "with --orphans: only files that were modified longer ago than this", dependsOn: ["orphans"] }),
  "include-excluded": Flags.boolean({ description: "with --orphans: also names that the replication set excludes", dependsOn: ["orphans"] }),
  yes: Flags.boolean({ description: "with --orphans: also when they are more than orphans.confirmFiles, or than half of the target", dependsOn: ["orphans"] }),
};

export interface OrphanFlags {
  readonly orphans?: OrphanOptions["action"] | undefined;
  readonly to?: string | undefined;
  readonly "older-than"?: string | undefined;
  readonly "include-excluded"?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

/** Null = orphans are not looked for. */
export function parseOrphanFlags({ orphans: action, to, yes, ...flags }: OrphanFlags): OrphanOptions | null {
  if (action === undefined) return null;
  if ((action === "move") !== (to !== undefined)) throw new SmError("USAGE", "--to DIR goes with --orphans move, and only with it");
  const olderThan = flags["older-than"];
  const olderThanMs = olderThan === undefined ? null : Math.round(parseDurationSeconds("--older-than", olderThan) * 1000);
  return { action, to: to ?? null, olderThanMs, includesExcluded: flags["include-excluded"] === true, isConfirmed: yes === true, isDryRun: false };
}
