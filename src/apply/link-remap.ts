import { bytesFromText } from "../model/byte-path.js";
import type { Mapping } from "../model/connection-spec.js";

/** Rewrites absolute link targets that point into the set on the source to where the set is on the target (HP guide p. 4-3). Bytes to bytes. */
export type LinkRemap = (linkTarget: string) => string;

export function linkRemap(mappings: readonly Mapping[], enabled: boolean): LinkRemap {
  if (!enabled) return (linkTarget) => linkTarget;
  const pairs = mappings.map(({ source, target }) => ({ source: trimmed(source), target: trimmed(target) })).sort((a, b) => b.source.length - a.source.length);
  return (linkTarget) => {
    if (!linkTarget.startsWith("/")) return linkTarget;
    for (const { source, target } of pairs) {
      if (linkTarget === source || linkTarget.startsWith(`${source}/`)) return target + linkTarget.slice(source.length) || "/";
    }
    return linkTarget;
  };
}

function trimmed(path: string): string {
  return bytesFromText(path).replace(/\/+$/, "");
}
