// Over how many sockets a target takes one channel is said in its answer to the upgrade, as what it reads is (compression-offer).

import { SOCKETS_MAX } from "../model/sockets.js";

export const SOCKETS_HEADER = "sm-sockets";
export const SOCKETS_OFFER = String(SOCKETS_MAX);

/** The most sockets that a channel to this target may have: 1 where nothing is said, or nothing that is understood. */
export function readSocketsOffer(value: string | readonly string[] | undefined): number {
  if (typeof value !== "string" || !/^\d{1,4}$/.test(value)) return 1;
  return Math.max(1, Math.min(SOCKETS_MAX, Number(value)));
}
