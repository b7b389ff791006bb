// What is said of a connection that is simulated: never that anything is stored.

import { SIMULATION_WORDS } from "../model/simulation.js";
import type { ConsistencyReport, Reason, TargetDataState } from "../model/status.js";
import type { ConnectionRecord } from "./connection-record.js";

type Simulated = Pick<ConnectionRecord, "id" | "isSimulated" | "createdAt">;

/** Where a true target would be a copy, or become one, there is nothing. */
export function simulatedState({ isSimulated }: Simulated, state: TargetDataState): TargetDataState {
  return isSimulated === true && (state === "OK" || state === "Repairing") ? "Simulated" : state;
}

export function simulatedConsistency(record: Simulated, report: ConsistencyReport): ConsistencyReport {
  const reason = simulationReason(record);
  return reason === null ? report : { seq: 0, at: null, lagMs: 0, reason };
}

export function simulationReason({ id, isSimulated, createdAt }: Simulated): Reason | null {
  if (isSimulated !== true) return null;
  const next = "figures are collected until it is disconnected";
  return { code: "SIMULATION", message: SIMULATION_WORDS, object: `connection ${id}`, since: createdAt, next, nextAt: null, command: `sm tdu report ${id}` };
}
