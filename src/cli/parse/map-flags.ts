import { resolve } from "node:path";
import { SmError } from "../../base/errors.js";
import type { ApiCommands } from "../../control/api.js";
import type { Mapping } from "../../model/connection-spec.js";
import { isSimulationName } from "../../model/simulation.js";
import { absolutePath } from "./rule-flags.js";

/** SOURCE=TARGET, split at the first "=" that is followed by "/": a source path may hold others. */
export function parseMapping(text: string): Mapping {
  const split = text.indexOf("=/");
  if (split <= 0 || !text.startsWith("/")) {
    throw new SmError("MAP_INVALID", `--map is ${JSON.stringify(text)}, but must be SOURCE=TARGET with absolute paths`);
  }
  return { source: text.slice(0, split), target: text.slice(split + 1) };
}

export interface MapFlags {
  readonly map?: readonly string[] | undefined;
  readonly exact?: boolean | undefined;
  readonly base?: string | undefined;
}

type MapInput = ApiCommands["connection.connect"]["input"]["map"];

/** A simulation has no place on a target: with a map, its name is one of a peer, or refused by the agent. */
export function parseMapTo(target: string, flags: MapFlags, cwd: string | null = process.cwd()): MapInput {
  const isWithout = (flags.map ?? []).length === 0 && flags.exact !== true && flags.base === undefined;
  return isWithout && isSimulationName(target) ? { kind: "none" } : parseMap(flags, cwd);
}

export function parseMap(flags: MapFlags, cwd: string | null = process.cwd()): MapInput {
  const pairs = (flags.map ?? []).map(parseMapping);
  const given = [pairs.length > 0, flags.exact === true, flags.base !== undefined].filter(Boolean).length;
  if (given > 1) throw new SmError("USAGE", "--map, --exact and --base exclude each other: give one of them");
  if (pairs.length > 0) return { kind: "pairs", pairs };
  if (flags.exact === true) return { kind: "exact" };
  if (flags.base !== undefined) return { kind: "base", directory: resolve(absolutePath(flags.base, cwd)) };
  throw new SmError("USAGE", "where on the target is the copy to be? Give --map SOURCE=TARGET, --exact (the same paths), or --base DIR (all below DIR)");
}
