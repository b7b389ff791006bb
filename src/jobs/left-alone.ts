import type { EntryType, FoundEntry } from "../model/change.js";

interface Dated {
  readonly size: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
}

/**
 * Whether a mirror that sends only what is newer lets the target keep what it has. Attributes are no content to be lost, and
 * directories are what newer files lie in. What looks the same is sent: it differs in doubt only, and nobody's edit shows.
 */
export function isLeftAlone(type: EntryType, source: Dated | null, target: FoundEntry | undefined): boolean {
  if (type === "dir" || source === null || target === undefined) return false;
  const age = source.mtimeSec - target.mtimeSec || source.mtimeNsec - target.mtimeNsec;
  return age < 0 || (age === 0 && source.size !== target.size);
}
