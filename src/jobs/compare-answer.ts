import type { Difference } from "../model/change.js";
import type { MirrorEntry } from "../model/mirror-port.js";

/** A directory that was not there to be compared lacks everything that should be in it. */
export function withContent(differs: readonly Difference[], entries: ReadonlyMap<string, MirrorEntry>): readonly Difference[] {
  const isThere = !differs.some(({ name, why }) => name === "" && why !== "attr");
  return isThere ? differs : [...differs, ...[...entries.keys()].map((name): Difference => ({ name, why: "missing" }))];
}
