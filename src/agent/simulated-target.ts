// Which requests and records mean a simulation, and what stands in a peer's place.

import { SmError, toSmError } from "../base/errors.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import type { Greeting, Peer } from "../model/channel-port.js";
import type { ConnectRequest } from "../model/control-port.js";
import type { Welcome } from "../model/session.js";
import { isSimulationName, SIMULATION_TARGET } from "../model/simulation.js";

export interface ResolvedRequest extends ConnectRequest {
  readonly isSimulated: boolean;
}

/** Nobody: it is never dialled. */
export const NO_PEER: Peer = { name: SIMULATION_TARGET, fingerprint: "", addresses: [], addedAt: "" };

/** Throws PEER_UNKNOWN, or USAGE when something is asked of a simulation that it cannot have, or only of a true target. */
export function resolveTarget(request: ConnectRequest, findPeer: (name: string) => Peer): ResolvedRequest {
  // A peer that had the name before it meant something stays what it is.
  const isSimulated = isSimulationName(request.target) && !isPeer(request.target, findPeer);
  if (!isSimulated) {
    findPeer(request.target);
    if (request.options.simulatedLink !== undefined) throw new SmError("USAGE", `a link is simulated to the target ${SIMULATION_TARGET} only`);
    if (request.map.kind === "none")
      throw new SmError("USAGE", `where on ${request.target} is the copy to be? Give --map SOURCE=TARGET, --exact or --base DIR`);
    return { ...request, isSimulated };
  }
  if (request.map.kind !== "none") throw new SmError("USAGE", "a simulation stores nothing: leave --map, --exact and --base out, there is no target");
  return { ...request, target: SIMULATION_TARGET, isSimulated };
}

function isPeer(name: string, findPeer: (name: string) => Peer): boolean {
  try {
    findPeer(name);
    return true;
  } catch (error) {
    if (toSmError(error).code === "PEER_UNKNOWN") return false;
    throw error;
  }
}

/** A peer may have come to that name, or gone from it: the record says what was connected. */
export function peersOf({ isSimulated }: ConnectionRecord, findPeer: (name: string) => Peer): (name: string) => Peer {
  return isSimulated === true ? () => NO_PEER : findPeer;
}

/** It knows all that the record says it acknowledged: nothing else does. */
export function welcomeOf({ checkpoint, durableSeq, wasMirrored }: ConnectionRecord, { epoch }: Pick<Greeting, "epoch">, version: string): Welcome {
  const before = checkpoint !== null && checkpoint.epoch !== epoch ? { epoch: checkpoint.epoch, appliedSeq: checkpoint.seq } : null;
  const seq = before === null ? durableSeq : 0;
  return {
    ...{ appliedSeq: seq, durableSeq: seq, resumed: before === null, suspect: false, empty: !wasMirrored },
    ...(before === null ? {} : { before }),
    ...{ limits: [], targetTimeMs: Date.now(), version, name: SIMULATION_TARGET },
  };
}
