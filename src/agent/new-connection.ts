// The record of a connection that is being made.

import { randomBytes } from "node:crypto";
import { SmError } from "../base/errors.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import { NOTHING_HELD } from "../connection/guard-record.js";
import type { Mapping } from "../model/connection-spec.js";
import { isLoop } from "../model/repset-roots.js";
import type { ResolvedRequest } from "./simulated-target.js";

/** Two connections of one source into one place of a target would undo each other's work. */
export function refuseTwice(records: readonly ConnectionRecord[], peer: string, mappings: readonly Mapping[]): void {
  for (const record of records) {
    if (record.peer !== peer) continue;
    const taken = mappings.flatMap(({ target }) => record.mappings.filter((m) => isLoop(m.target, target)))[0];
    if (taken === undefined) continue;
    const { id, repset } = record;
    if (record.isSimulated === true) throw new SmError("CONNECTION_EXISTS", `connection ${id} simulates ${repset} already`, { data: { id } });
    throw new SmError("CONNECTION_EXISTS", `connection ${id} (${repset}) writes to ${taken.target} on ${peer} already`, { data: { id } });
  }
}

type Given = Pick<ConnectionRecord, "id" | "repset" | "mappings" | "roots" | "cleanUntilMs"> & {
  readonly request: ResolvedRequest;
  /** Where the request names none. */
  readonly durability: ConnectionRecord["options"]["durability"];
};

/** Nothing is known of the target: a mirror is needed, whether it is started or not. */
export function newRecord({ request, durability, ...given }: Given): ConnectionRecord {
  const now = new Date().toISOString();
  const isMirrored = request.options.mirror !== "none";
  return {
    ...given,
    key: randomBytes(16).toString("hex"),
    peer: request.target,
    ...(request.isSimulated ? { isSimulated: true as const } : {}),
    options: { ...request.options, durability: request.options.durability ?? durability },
    createdAt: now,
    epoch: "",
    durableSeq: 0,
    mirrorNeed: {
      reason: "initial",
      message: isMirrored ? "the target has not been mirrored yet" : "connected with --no-mirror: nothing is known of the target",
      since: now,
      mode: request.options.mirror === "full" ? "full" : "difference",
      extras: "report",
      changedSinceMs: null,
      isAutomatic: isMirrored,
    },
    wasMirrored: false,
    checkpoint: null,
    guard: NOTHING_HELD,
  };
}
