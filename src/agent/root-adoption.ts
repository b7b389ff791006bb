// The directories of a set that were made anew by a restore become those of all its connections, over kills, too: the record of the
// restored connection names them from the write on that ends its restore, and forgets that name last.
//   release ─ adopts: on record ─▶ the others ─▶ the restored one, without it          start of the agent ─▶ what is left of that

import { toSmError } from "../base/errors.js";
import { failpoint } from "../base/failpoint.js";
import type { Log } from "../base/log.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import { besideRestored } from "../connection/restore-hold.js";
import { isSameRoot } from "../fs/root-identity.js";
import type { ConnectionStore } from "./connection-store.js";
import type { KnownRoot, RepsetSource } from "./repset-source.js";
import { isDirectory, rootsAt } from "./set-roots.js";

/** Null = they are those that the source has, or one is not there. */
export function newRootsOf(source: RepsetSource): KnownRoot[] | null {
  if (!source.roots.every(isDirectory)) return null;
  const roots = rootsAt(source.roots);
  return source.hasRoots(roots) ? null : roots;
}

/** What is to be written for that, in this order. Repeating it, from wherever it was cut short, comes to the same. */
export function adoptionsOf(records: readonly ConnectionRecord[]): readonly ConnectionRecord[] {
  return records.flatMap((restored) => {
    const { adopts, repset } = restored;
    if (adopts == null) return [];
    const others = records.filter((other) => other.id !== restored.id && other.repset === repset && !hasRoots(other, adopts));
    return [...others.map((other) => ({ ...besideRestored(other), roots: adopts })), { ...restored, roots: adopts, adopts: null }];
  });
}

function hasRoots({ roots }: ConnectionRecord, others: readonly KnownRoot[]): boolean {
  return roots.length === others.length && roots.every((root, index) => root.path === others[index]?.path && isSameRoot(root, others[index]));
}

/** The records as they are from now on. What cannot be written is done again at the next start. */
export function adoptRoots(records: readonly ConnectionRecord[], store: Pick<ConnectionStore, "save">, log: Log): readonly ConnectionRecord[] {
  const adopted = new Map(records.map((record) => [record.id, record]));
  try {
    for (const record of adoptionsOf(records)) {
      adopted.set(record.id, record);
      failpoint("restore.adopt.beforeRecord");
      store.save(record);
    }
  } catch (error) {
    log.error(`the directories that a restore made anew are not on record for all connections: ${toSmError(error).message}`);
    for (const record of adoptionsOf(records)) adopted.set(record.id, record);
  }
  return [...adopted.values()];
}
