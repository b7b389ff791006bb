// What the answer to a comparison says, and whether an entry stayed as it was.

import type { CompareAnswer, Difference } from "../model/change.js";
import type { EntryStamp, MirrorEntry } from "../model/mirror-port.js";

/** By name; a directory that is not there lacks everything. An inode with more names than on the source has a stranger's among them. */
export function differencesOf(answer: CompareAnswer, entries: ReadonlyMap<string, MirrorEntry>): ReadonlyMap<string, Difference> {
  const differs = new Map(answer.differs.map((difference) => [difference.name, difference]));
  const isThere = !answer.differs.some(({ name, why }) => name === "" && why !== "attr");
  if (!isThere) for (const name of entries.keys()) differs.set(name, { name, why: "missing" });
  for (const { name, links } of answer.shared ?? []) {
    const entry = entries.get(name);
    if (entry !== undefined && links > entry.links && !differs.has(name)) differs.set(name, { name, why: "link" });
  }
  return differs;
}

export function isSameStamp(a: EntryStamp | null, b: EntryStamp | null): boolean {
  if (a === null || b === null) return a === b;
  return a.ino === b.ino && a.size === b.size && a.ctimeSec === b.ctimeSec && a.ctimeNsec === b.ctimeNsec;
}
