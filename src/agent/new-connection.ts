// The record of a connection that is being made.

import { randomBytes } from "node:crypto";
import { refuseLocalLoops } from "../apply/loop-check.js";
import { SmError } from "../base/errors.js";
import type { Config } from "../config/config.js";
import type { RepsetStore } from "../config/repset-store.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import { NOTHING_HELD } from "../connection/guard-record.js";
import type { Peer } from "../model/channel-port.js";
import type { Mapping } from "../model/connection-spec.js";
import type { ConnectRequest } from "../model/control-port.js";
import { isLoop } from "../model/repset-roots.js";
import { resolveMappings } from "./mapping-resolver.js";
import type { RepsetSource } from "./repset-source.js";
import { ownSourcesOf, refuseOtherRoots, refuseOwnSources, rootsAt, rootsOfSet } from "./set-roots.js";
import { type ResolvedRequest, resolveTarget } from "./simulated-target.js";

/** Beside the walk interval: how late an event may come. */
export const EVENT_LAG_MS = 10_000;

export interface RequestContext {
  readonly config: Config;
  readonly repsets: RepsetStore;
  readonly findPeer: (name: string) => Peer;
  /** Of the connections that there are. */
  readonly records: readonly ConnectionRecord[];
  readonly sourceOf: (repset: string) => RepsetSource | undefined;
  readonly id: number;
}

/** Refuses what contradicts the set, the configuration, or another connection. */
export function recordOfRequest(asked: ConnectRequest, { config, repsets, findPeer, records, sourceOf, id }: RequestContext): ConnectionRecord {
  if (!config.source.enabled) throw new SmError("UNSUPPORTED", "the source module is switched off (source.enabled)");
  const request = resolveTarget(asked, findPeer);
  const repset = repsets.requireConnectable(
    request.repset,
    records.map((record) => record.repset),
  );
  const paths = rootsOfSet(repset);
  refuseOwnSources(repset.rules, paths, ownSourcesOf(config));
  const roots = rootsAt(paths);
  const mappings = resolveMappings(paths, request.map);
  refuseTwice(records, request.target, mappings);
  const connected = records.filter((record) => record.repset === repset.name).map((record) => record.id);
  refuseOtherRoots(sourceOf(repset.name), connected, roots);
  if (request.target === "localhost") refuseLocalLoops(mappings);
  const known = { durability: config.apply.durability, repset: repset.name, mappings, roots, cleanUntilMs: Date.now() - EVENT_LAG_MS };
  return newRecord({ id, request, ...known });
}

/** Two connections of one source into one place of a target would undo each other's work. */
function refuseTwice(records: readonly ConnectionRecord[], peer: string, mappings: readonly Mapping[]): void {
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
function newRecord({ request, durability, ...given }: Given): ConnectionRecord {
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
