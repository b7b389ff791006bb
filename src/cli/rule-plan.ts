import { SmError } from "../base/errors.js";
import type { ApiCommands } from "../control/api.js";
import type { AgentApi } from "./agent-api.js";
import { NAMES_SHOWN } from "./parse/names-flag.js";

/** The agent walks over the source for it. */
const WALK_DEADLINE_MS = 610_000;

export interface RulePlanFlags {
  readonly "dry-run": boolean;
  readonly names: number | undefined;
  readonly generation: number | undefined;
}

/** What the edit would do; null = it is to be made. */
export async function planOfEdit(
  api: AgentApi,
  { name, edit }: Pick<ApiCommands["repset.rule.plan"]["input"], "name" | "edit">,
  flags: RulePlanFlags,
): Promise<ApiCommands["repset.rule.plan"]["output"] | null> {
  if (flags["dry-run"]) {
    const input = { name, edit, generation: flags.generation, namesMax: flags.names ?? NAMES_SHOWN };
    return api.call("repset.rule.plan", input, { deadlineMs: WALK_DEADLINE_MS });
  }
  if (flags.names !== undefined) throw new SmError("USAGE", "--names goes with --dry-run");
  return null;
}
