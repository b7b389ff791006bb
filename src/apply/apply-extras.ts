// Names the target has and the source does not list. Only what replication put there is ever removed: not what was found
// before (the foreign list), not what the set excludes, and no directory that holds either.

import { closeFd, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openAt, statAt } from "../fs/native.js";
import { type BytePath, joinPath } from "../model/byte-path.js";
import type { CompareChange, RootIndex } from "../model/change.js";
import { type ApplyContext, reportProblem } from "./apply-context.js";
import { typeOf } from "./attributes.js";
import { namesOf } from "./directory-names.js";
import { removePassing } from "./rebuilds.js";
import { removeEntry } from "./remove-tree.js";
import type { Verdict } from "./verdict.js";

export interface SettledExtras {
  readonly kept: readonly string[];
  readonly removed: number;
  readonly verdict: Verdict;
}

export function settleExtras(ctx: ApplyContext, change: CompareChange, dirfd: number, found: readonly string[]): SettledExtras {
  const { root, path } = change;
  const isLook = change.extras === "keep" || (change.asksFound === true && change.settlesExtras !== true);
  const names = isLook ? found : found.filter((name) => !removePassing(dirfd, name));
  if (names.length === 0 || change.extras === "keep") return { kept: [], removed: 0, verdict: undefined };
  if (change.asksFound === true && change.settlesExtras !== true) {
    const isMeant = change.extras === "remove" ? mayRemove : isOfSet;
    return { kept: names.filter((name) => isMeant(ctx, root, joinPath(path, name), dirfd, name)), removed: 0, verdict: undefined };
  }
  if (change.extras === "report") {
    for (const name of names) ctx.foreign.add(root, joinPath(path, name));
    return { kept: names, removed: 0, verdict: undefined };
  }
  const kept: string[] = [];
  let removed = 0;
  for (const name of names) {
    const at = joinPath(path, name);
    if (!mayRemove(ctx, root, at, dirfd, name)) {
      kept.push(name);
      continue;
    }
    const verdict = removeEntry(ctx, dirfd, name, at);
    if (verdict?.kind === "retry") {
      if (!ctx.refusals.takeExtra(root, at, verdict)) return { kept, removed, verdict };
      kept.push(name);
    } else if (verdict === undefined) {
      removed += 1;
      ctx.refusals.removed(root, at);
    } else {
      kept.push(name);
      reportProblem(
        ctx,
        root,
        verdict.path,
        verdict.kind === "problem" ? verdict.code : "STALE",
        verdict.kind === "problem" ? verdict.message : verdict.reason,
      );
    }
  }
  if (removed > 0) ctx.directories.flush();
  return { kept, removed, verdict: undefined };
}

function isOfSet(ctx: ApplyContext, root: RootIndex, path: BytePath, dirfd: number, name: string): boolean {
  const stat = statAt(dirfd, name);
  return typeof stat !== "number" && ctx.matcher(root, path, typeOf(stat) === "dir");
}

function mayRemove(ctx: ApplyContext, root: RootIndex, path: BytePath, dirfd: number, name: string): boolean {
  if (ctx.foreign.touches(root, path)) return false;
  const stat = statAt(dirfd, name);
  if (typeof stat === "number") return true;
  const isDirectory = typeOf(stat) === "dir";
  if (!ctx.matcher(root, path, isDirectory)) return false;
  return !isDirectory || mayRemoveBelow(ctx, root, path, dirfd, name);
}

function mayRemoveBelow(ctx: ApplyContext, root: RootIndex, path: BytePath, dirfd: number, name: string): boolean {
  const fd = openAt(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return false;
  try {
    const names = namesOf(fd);
    return typeof names !== "number" && names.every((below) => mayRemove(ctx, root, joinPath(path, below), fd, below));
  } finally {
    closeFd(fd);
  }
}
