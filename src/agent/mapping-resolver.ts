// From what the user says about places to one mapping per root of the set.

import { join } from "node:path";
import { SmError } from "../base/errors.js";
import type { Mapping } from "../model/connection-spec.js";
import type { ConnectRequest } from "../model/control-port.js";
import { requireTargetPath } from "../model/repset-name.js";
import { isInside, isLoop } from "../model/repset-roots.js";

/** One mapping per root, in the roots' order; MAP_INVALID names the root that no pair covers. */
export function resolveMappings(roots: readonly string[], map: ConnectRequest["map"]): Mapping[] {
  const mappings = roots.map((source) => ({ source, target: requireTargetPath(targetOf(source, map)) }));
  for (const [index, { source, target }] of mappings.entries()) {
    const other = mappings.slice(index + 1).find((mapping) => isLoop(mapping.target, target));
    if (other !== undefined) throw new SmError("MAP_INVALID", `${source} and ${other.source} are mapped into one place: ${target} and ${other.target}`);
  }
  return mappings;
}

function targetOf(source: string, map: ConnectRequest["map"]): string {
  switch (map.kind) {
    case "none":
    case "exact":
      return source;
    case "base":
      return join(map.directory, source);
    case "pairs": {
      const best = map.pairs.filter((pair) => isInside(source, trimSlash(pair.source))).sort((a, b) => b.source.length - a.source.length)[0];
      if (best === undefined) throw new SmError("MAP_INVALID", `no --map covers ${source}, which the replication set includes`);
      return trimSlash(join(best.target, source.slice(trimSlash(best.source).length)));
    }
  }
}

function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
