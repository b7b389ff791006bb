// What is to be done so that the connections are those that files describe. Pure: files and records come in, steps go out.
// Invariants: what a command made is never disconnected; a place is never left by a step, so no copy is abandoned for a slip in a file.

import { isDeepStrictEqual } from "node:util";
import { toSmError } from "../base/errors.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import type { ConnectionDescription } from "../model/connection-description.js";
import type { ConnectRequest } from "../model/control-port.js";
import { areSameHooks, type Hook } from "../model/hook.js";
import { SIMULATION_TARGET } from "../model/simulation.js";
import { resolveMappings } from "./mapping-resolver.js";

export type ConnectionStep =
  | { readonly kind: "create"; readonly description: ConnectionDescription }
  | { readonly kind: "change"; readonly description: ConnectionDescription; readonly id: number; readonly changes: readonly ConnectionChange[] }
  | { readonly kind: "refuse"; readonly description: ConnectionDescription; readonly id: number; readonly message: string }
  | { readonly kind: "disconnect"; readonly file: string; readonly id: number }
  | { readonly kind: "keep"; readonly file: string; readonly id: number; readonly message: string };

/** What can be changed while a connection is there; file: its file has another name. */
export type ConnectionChange = "file" | "replicate" | "compression" | "guard" | "limit" | "schedule" | "verify" | "scrub" | "hooks";

export interface PlanInput {
  readonly descriptions: readonly ConnectionDescription[];
  /** Names of the files that are there; null = their directory is not. */
  readonly files: readonly string[] | null;
  readonly records: readonly ConnectionRecord[];
  /** Those of a connection, in the order in which they run; null = they are not known. */
  readonly hooksOf: HooksOf;
  readonly isConfirmed: boolean;
}

export type HooksOf = (connectionId: number) => readonly Hook[] | null;

export function planConnections({ descriptions, files, records, hooksOf, isConfirmed }: PlanInput): readonly ConnectionStep[] {
  const names = new Set(descriptions.map(({ name }) => name));
  const claimed = new Set<number>();
  const steps: ConnectionStep[] = [];
  for (const description of descriptions) {
    const record = recordOf(description, records, names, claimed);
    if (record === undefined) {
      steps.push({ kind: "create", description });
      continue;
    }
    claimed.add(record.id);
    const fixed = differencesOf(description.request, record);
    const again = `\`sm disconnect ${record.id}\`, then \`sm config reload\`, makes it anew`;
    if (fixed.length === 0) steps.push({ kind: "change", description, id: record.id, changes: changesOf(description, record, hooksOf(record.id)) });
    else steps.push({ kind: "refuse", description, id: record.id, message: `${fixed.join(", ")}: not as connection ${record.id} was made; ${again}` });
  }
  const gone = records.filter(({ id, file }) => file !== undefined && !claimed.has(id) && !names.has(file));
  const made = records.filter(({ file }) => file !== undefined);
  const why = gone.length === 0 ? null : whyKept({ files, gone: gone.length, made: made.length, isConfirmed });
  const ends = gone.map(({ id, file = "" }): ConnectionStep => (why === null ? { kind: "disconnect", file, id } : { kind: "keep", file, id, message: why }));
  // What goes may hold the place of what is to come.
  return [...ends, ...steps];
}

/** The one that its file made; else one in the same place that no other file has. */
function recordOf(description: ConnectionDescription, records: readonly ConnectionRecord[], names: ReadonlySet<string>, claimed: ReadonlySet<number>) {
  const own = records.find(({ file }) => file === description.name);
  const isFree = ({ id, file }: ConnectionRecord): boolean => !claimed.has(id) && (file === undefined || !names.has(file));
  return own ?? records.find((record) => isFree(record) && placeDifferences(description.request, record).length === 0);
}

function placeDifferences({ repset, target, map }: ConnectRequest, record: ConnectionRecord): string[] {
  const isSimulated = record.isSimulated === true;
  const isTarget = isSimulated ? target.toLowerCase() === SIMULATION_TARGET : target === record.peer;
  return [...(repset === record.repset ? [] : ["set"]), ...(isTarget ? [] : ["target"]), ...(isSamePlace(map, record) ? [] : ["place"])];
}

function isSamePlace(map: ConnectRequest["map"], { mappings }: ConnectionRecord): boolean {
  try {
    const wanted = resolveMappings(
      mappings.map(({ source }) => source),
      map,
    );
    return isDeepStrictEqual(wanted, mappings);
  } catch (error) {
    if (toSmError(error).code === "MAP_INVALID") return false;
    throw error;
  }
}

/** What no command changes on a connection that is there. */
function differencesOf(request: ConnectRequest, record: ConnectionRecord): readonly string[] {
  const { durability, remapLinks, simulatedLink } = request.options;
  const { options } = record;
  return [
    ...placeDifferences(request, record),
    ...(durability === undefined || durability === options.durability ? [] : ["durability"]),
    ...(remapLinks === options.remapLinks ? [] : ["remapLinks"]),
    ...(isDeepStrictEqual(simulatedLink, options.simulatedLink) ? [] : ["simulation"]),
  ];
}

function changesOf(description: ConnectionDescription, record: ConnectionRecord, hooks: readonly Hook[] | null): readonly ConnectionChange[] {
  const { replicate, compression, guard, guardChanged } = description.request.options;
  const { options, transmission, verifyPlan, scrub } = record;
  const differs: Readonly<Record<ConnectionChange, boolean>> = {
    file: record.file !== undefined && record.file !== description.name,
    replicate: replicate !== options.replicate,
    compression: compression !== options.compression,
    guard: guard !== options.guard || guardChanged !== options.guardChanged,
    limit: !isDeepStrictEqual(description.limit, transmission?.limit ?? { standing: null, times: [] }),
    schedule: !isDeepStrictEqual(description.schedule, transmission?.schedule ?? null),
    verify: !isDeepStrictEqual(description.verify, verifyPlan?.schedule ?? null),
    scrub: !isDeepStrictEqual(description.scrub, scrub?.settings ?? null),
    hooks: description.hooks !== null && hooks !== null && !areSameHooks(description.hooks, hooks),
  };
  return (Object.keys(differs) as ConnectionChange[]).filter((change) => differs[change]);
}

/** A volume that is not mounted, or a deployment that went wrong, must not end what runs; null = they are to end. */
function whyKept({ files, gone, made, isConfirmed }: { files: readonly string[] | null; gone: number; made: number; isConfirmed: boolean }): string | null {
  if (files === null) return "the directory connections.d is not there: nothing is disconnected";
  if (isConfirmed) return null;
  const remedy = "`sm config reload --yes` disconnects them all the same";
  if (files.length === 0) return `connections.d is empty: nothing is disconnected; ${remedy}`;
  return gone > 1 && gone * 2 > made ? `${gone} of ${made} files are gone at once: nothing is disconnected; ${remedy}` : null;
}
