import type { CaptureScope } from "../model/capture-port.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import type { SourceWorkerData } from "../model/source-messages.js";

/** What the capture source of a set is to cover. */
export function captureScopeOf({ roots, ruleRoots, rules }: Pick<SourceWorkerData, "roots" | "ruleRoots" | "rules">): CaptureScope {
  const matchers = ruleRoots.map((root) => new RepsetMatcher(rules, root));
  return {
    roots: roots.map((path, index) => ({ index, path })),
    mayContain: (root, directory) => matchers[root]?.mayContain(directory) ?? false,
  };
}
