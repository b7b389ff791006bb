// Names to try where one may be taken.

import { NAME_BYTES_MAX } from "../model/byte-path.js";

export const NAMES_TRIED_MAX = 1000;

/** The name itself, then "name~1", "name~2", …; a long one is cut to make room. */
export function freeName(name: string, attempt: number): string {
  if (attempt === 0) return name;
  const suffix = `~${attempt}`;
  return `${name.slice(0, NAME_BYTES_MAX - suffix.length)}${suffix}`;
}
