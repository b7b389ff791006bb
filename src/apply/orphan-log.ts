// What the target's log says of orphans that go.

import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { displayPath } from "../model/byte-path.js";
import type { Mapping } from "../model/connection-spec.js";
import type { GoneOrphan, OrphanTotals } from "./orphan-desk.js";

export interface OrphanNews {
  readonly gone: readonly GoneOrphan[];
  readonly totals: OrphanTotals | null;
}

export function logOrphans(log: Log, key: string, mappings: readonly Mapping[], { gone, totals }: OrphanNews): void {
  for (const { root, path, isDirectory, to } of gone) {
    const place = `${mappings[root]?.target ?? ""}/${displayPath(path)}`;
    const more = { key, type: isDirectory ? "directory" : "file" };
    if (to === null) logEvent(log, "orphanDeleted", { path: place }, more);
    else logEvent(log, "orphanMoved", { path: place, to: displayPath(to) }, more);
  }
  if (totals === null) return;
  const { files, directories, bytes } = totals.sums;
  logEvent(log, "orphanTotals", { action: totals.how, files, directories, bytes }, { key });
}
