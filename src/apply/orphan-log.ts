// What the target's log says of orphans that go.

import type { Log } from "../base/log.js";
import { displayPath } from "../model/byte-path.js";
import type { Mapping } from "../model/connection-spec.js";
import type { GoneOrphan, OrphanTotals } from "./orphan-desk.js";

export interface OrphanNews {
  readonly gone: readonly GoneOrphan[];
  readonly totals: OrphanTotals | null;
}

export function logOrphans(log: Log, connection: string, mappings: readonly Mapping[], { gone, totals }: OrphanNews): void {
  for (const { root, path, isDirectory, to } of gone) {
    const what = { connection, path: `${mappings[root]?.target ?? ""}/${displayPath(path)}`, type: isDirectory ? "directory" : "file" };
    if (to === null) log.info("orphan deleted", what);
    else log.info("orphan moved", { ...what, to: displayPath(to) });
  }
  if (totals === null) return;
  const { files, directories, bytes } = totals.sums;
  log.info(`orphans ${totals.how}: ${files} files, ${directories} directories, ${bytes} bytes`, { connection, files, directories, bytes });
}
