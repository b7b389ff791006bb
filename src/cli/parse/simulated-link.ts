import { SmError } from "../../base/errors.js";
import type { SimulatedLink } from "../../model/simulation.js";
import { parseRate } from "./sizes.js";

export interface SimulatedLinkFlags {
  readonly "tdu-bandwidth"?: string | undefined;
  readonly "tdu-rtt"?: string | undefined;
}

/** Nothing when none is wanted. */
export function parseSimulatedLink(flags: SimulatedLinkFlags): { readonly simulatedLink?: SimulatedLink } {
  const { "tdu-bandwidth": bandwidth, "tdu-rtt": roundTrip } = flags;
  if (bandwidth === undefined && roundTrip === undefined) return {};
  if (roundTrip !== undefined && !/^\d{1,5}$/.test(roundTrip))
    throw new SmError("USAGE", `--tdu-rtt is ${JSON.stringify(roundTrip)}, but must be a whole number of milliseconds up to 60000`);
  return { simulatedLink: { bytesPerSecond: bandwidth === undefined ? null : parseRate("--tdu-bandwidth", bandwidth), roundTripMs: Number(roundTrip ?? 0) } };
}
