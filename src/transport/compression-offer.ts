// What a target reads is said in its answer to the upgrade, before there is a frame: an agent that does not know the header
// passes over it, while a hello or a welcome with a field more is refused by every version that lacks the field.

import { COMPRESSIONS, type Compression } from "../model/compression.js";

export const OFFER_HEADER = "sm-compression";
/** What this agent reads, as the value of the header. */
export const OFFER = COMPRESSIONS.filter((level) => level !== "off").join(", ");
/** What agents read that send no such header. */
const LEVEL_WITHOUT_HEADER: Compression = "lz4";

/** The highest level that may be used, together with all below it. Words that are not known here are passed over. */
export function readOffer(value: string | readonly string[] | undefined): Compression {
  if (value === undefined) return LEVEL_WITHOUT_HEADER;
  const words = [value]
    .flat()
    .join(",")
    .split(",")
    .map((word) => word.trim());
  let best: Compression = "off";
  for (const level of COMPRESSIONS) {
    if (level === "off") continue;
    if (!words.includes(level)) break;
    best = level;
  }
  return best;
}
