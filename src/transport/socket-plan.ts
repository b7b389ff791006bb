// How many sockets a channel should have. A TCP stream has so much on its way at most, whatever the path could carry: on a long path
// that, and the recovery of a lost packet, is what bounds it, and another stream has the same again.

import { SOCKETS_MAX, type SocketRule } from "../model/sockets.js";

/** Below this round trip one stream fills what the agents can send. */
export const LONG_ROUND_TRIP_MS = 20;
/** One socket more for each so many ms: at 1 MiB on its way in each they carry 80 MiB in a second. */
const MS_PER_SOCKET = 12.5;
const AUTOMATIC_MAX = 8;
/** So many more looks must find it backed up than do not: a burst is no reason. */
export const LOOKS_BACKED_UP = 4;

export interface PathView {
  readonly rule: SocketRule;
  /** The most that the target takes for one channel. */
  readonly offered: number;
  /** The shortest seen, so without what waits in front of it; 0 = not known yet. */
  readonly roundTripMs: number;
  /** Looks that found more to send than the sockets take, less those after them that did not; from 0 to LOOKS_BACKED_UP. */
  readonly looksBackedUp: number;
  /** In use now, the first one included. */
  readonly open: number;
  /** Why there should not be another one for now; "" = nothing speaks against it. */
  readonly held: string;
}

export interface SocketPlan {
  readonly wanted: number;
  readonly why: string;
}

/** Sockets that are there stay for the life of the channel: an idle one costs a heartbeat. */
export function planSockets(path: PathView): SocketPlan {
  const { rule, offered, open, held } = path;
  if (rule === 1) return { wanted: 1, why: "transport.sockets is 1" };
  if (offered === 1) return { wanted: 1, why: "the target takes one for each connection: its version is older" };
  if (rule !== "automatic") {
    const wanted = Math.min(rule, offered, SOCKETS_MAX);
    return { wanted: held === "" ? wanted : open, why: held === "" ? `transport.sockets is ${rule}` : `transport.sockets is ${rule}; ${held}` };
  }
  const { wanted, why } = planAutomatic(path);
  return wanted > open && held !== "" ? { wanted: open, why: held } : { wanted, why };
}

function planAutomatic({ offered, roundTripMs, looksBackedUp, open }: PathView): SocketPlan {
  const trip = `a round trip takes ${Math.round(roundTripMs)} ms`;
  const wanted = Math.min(AUTOMATIC_MAX, offered, Math.max(1, Math.ceil(roundTripMs / MS_PER_SOCKET)));
  if (open > 1)
    return { wanted: Math.max(open, looksBackedUp >= LOOKS_BACKED_UP ? wanted : open), why: `automatic: ${trip}, and there was more to send than fewer take` };
  if (roundTripMs === 0) return { wanted: 1, why: "automatic: the round trip is not measured yet" };
  if (roundTripMs < LONG_ROUND_TRIP_MS) return { wanted: 1, why: `automatic: ${trip}, one is enough for that` };
  if (looksBackedUp < LOOKS_BACKED_UP) return { wanted: 1, why: `automatic: ${trip}, and one takes all there is to send` };
  return { wanted, why: `automatic: ${trip}, and there was more to send than one takes` };
}
