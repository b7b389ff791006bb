import type { QuarantinePolicy } from "../apply/apply-messages.js";
import type { OrphanPolicy } from "../apply/orphan-desk.js";
import type { ProgramDirectory, TargetPathRules } from "../apply/target-path.js";
import type { ProgramTerms } from "../model/task.js";

/** What the target module of an agent is configured with. */
export interface TargetSettings {
  readonly name: string;
  readonly isEnabled: boolean;
  readonly stateDir: string;
  /** The agent's own directories: never a target. */
  readonly ownDirectories: readonly string[];
  readonly allowedRoots: readonly string[];
  /** Largest state that is applied as one. */
  readonly stageBytesMax: number;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  readonly quarantine: QuarantinePolicy;
  readonly orphanLog: OrphanPolicy["log"];
  /** What runs because a source says so. */
  readonly tasks: ProgramTerms;
  /** Whatever this agent may run for anybody lies there, whether it runs anything today or not. */
  readonly programDirectories: readonly ProgramDirectory[];
  /** How long nothing may be applied, though something waits, before that is said; null = it is not watched. */
  readonly stallMs: number | null;
}

/**
 * Where a source may write: not to what is the agent's own, nor to the programs that it runs. What comes back into its own
 * place (`isOwnPlace`) does so by the word of a person here, who may have programs among it.
 */
export function placeRules({ allowedRoots, ownDirectories, programDirectories }: TargetSettings, isOwnPlace: boolean): TargetPathRules {
  return { allowedRoots, ownDirectories, programDirectories: isOwnPlace ? [] : programDirectories, isOwnPlace };
}
