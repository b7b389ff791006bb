import { unreachable } from "../base/assert.js";
import { EACCES } from "../fs/errno.js";
import type { Change, TaskChange } from "../model/change.js";
import { applyCompare } from "./apply-compare.js";
import type { ApplyContext } from "./apply-context.js";
import { applyAttr, applyDir, applySpecial, applySymlink } from "./apply-entry.js";
import { applyFile } from "./apply-file.js";
import { applyIndex } from "./apply-index.js";
import { applyLink, applyRemove, applyRename } from "./apply-move.js";
import { applyOrphans } from "./apply-orphans.js";
import { applyRebuild } from "./apply-rebuild.js";
import { applySums } from "./apply-sums.js";
import { applyTask } from "./apply-task.js";
import { withRights } from "./unlock.js";
import type { Verdict } from "./verdict.js";

/** Carries out one change beneath its root, which is open. */
export function applyChange(ctx: ApplyContext, change: Change): Verdict {
  if (change.op !== "compare") ctx.listing.forget();
  if (change.op === "task") return applyTask(ctx, change);
  // Another change of a file that is being rebuilt is not in what it is rebuilt of.
  if (change.op === "rename") ctx.rebuilds.close();
  else if (change.op !== "rebuild") ctx.rebuilds.drop(change.root, change.path);
  const verdict = dispatch(ctx, change);
  const isDenied = verdict?.kind === "retry" && verdict.errno === EACCES;
  const settled = isDenied && !ctx.privileges.overridesModes ? withRights(ctx, change, () => dispatch(ctx, change)) : verdict;
  if (settled === undefined && ctx.foreign.size > 0) takeOver(ctx, change);
  return settled;
}

function dispatch(ctx: ApplyContext, change: Exclude<Change, TaskChange>): Verdict {
  switch (change.op) {
    case "dir":
      return applyDir(ctx, change);
    case "file":
      return applyFile(ctx, change);
    case "symlink":
      return applySymlink(ctx, change);
    case "special":
      return applySpecial(ctx, change);
    case "link":
      return applyLink(ctx, change);
    case "attr":
      return applyAttr(ctx, change);
    case "rename":
      return applyRename(ctx, change);
    case "remove":
      return applyRemove(ctx, change);
    case "compare":
      return applyCompare(ctx, change);
    case "sums":
      return applySums(ctx, change);
    case "orphans":
      return applyOrphans(ctx, change);
    case "index":
      return applyIndex(ctx, change);
    case "rebuild":
      return applyRebuild(ctx, change);
    default:
      return unreachable(change);
  }
}

/** What replication has written is its own from now on, whoever had the name before. */
function takeOver(ctx: ApplyContext, change: Change): void {
  const { op, root, path } = change;
  if (op === "file" || op === "symlink" || op === "special" || op === "link" || (op === "rebuild" && change.end !== null)) ctx.foreign.forget(root, path);
}
