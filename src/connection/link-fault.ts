import type { SmError } from "../base/errors.js";
import type { Fault } from "./connection-state.js";

/** Why a link ended, and whether to try again or to wait for a person. */
export interface LinkFault extends Fault {
  readonly disposition: "retry" | "halt";
}

/** A peer that does not know us may be paired any moment: that is tried again, too. */
export function faultOf({ code, message, entry }: SmError): LinkFault {
  return { code, message, disposition: entry.disposition === "retry" || code === "PEER_UNKNOWN" ? "retry" : "halt" };
}
