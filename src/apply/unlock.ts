// An unprivileged target owns directories and files whose mode forbids it to write into them (0555, 0444), because the
// source has them so. For the time of one change it gives itself the rights, then puts the modes back.

import { procPath } from "../fs/confined-root.js";
import { AT_FDCWD, chmodAt, closeFd, O_PATH, openBeneath, statAt } from "../fs/native.js";
import type { BytePath } from "../model/byte-path.js";
import type { Change } from "../model/change.js";
import type { ApplyContext } from "./apply-context.js";
import { typeOf } from "./attributes.js";
import type { Verdict } from "./verdict.js";

interface Unlocked {
  readonly fd: number;
  readonly mode: number;
  readonly restore: boolean;
}

export function withRights(ctx: ApplyContext, change: Change, apply: () => Verdict): Verdict {
  const unlocked: Unlocked[] = [];
  const setsOwnMode = change.op === "dir" || change.op === "attr" || (change.op === "file" && change.meta !== null);
  try {
    unlockAlong(ctx, change, change.path, setsOwnMode, unlocked);
    if (change.op === "rename" || change.op === "link") unlockAlong(ctx, change, change.to, false, unlocked);
    return apply();
  } finally {
    for (const { fd, mode, restore } of unlocked.reverse()) {
      if (restore) chmodAt(AT_FDCWD, procPath(fd), mode);
      closeFd(fd);
    }
  }
}

function unlockAlong(ctx: ApplyContext, change: Change, path: BytePath, setsOwnMode: boolean, unlocked: Unlocked[]): void {
  const root = ctx.roots.get(change.root);
  const top = path === "" ? -1 : openBeneath(root.fd, "", O_PATH);
  if (top >= 0) unlocked.push(unlockOne(ctx, top, false));
  for (let end = 0; end <= path.length; ) {
    const slash = path.indexOf("/", end);
    const part = path.slice(0, slash < 0 ? path.length : slash) as BytePath;
    const isLast = slash < 0;
    const fd = openBeneath(root.fd, part, O_PATH);
    if (fd < 0) return;
    unlocked.push(unlockOne(ctx, fd, isLast && setsOwnMode));
    if (isLast) return;
    end = slash + 1;
  }
}

function unlockOne(ctx: ApplyContext, fd: number, setsOwnMode: boolean): Unlocked {
  const stat = statAt(fd, "");
  if (typeof stat === "number" || stat.uid !== ctx.privileges.uid) return { fd, mode: 0, restore: false };
  const type = typeOf(stat);
  const needed = type === "dir" ? 0o700 : type === "file" ? 0o600 : 0;
  const mode = stat.mode & 0o7777;
  if ((mode & needed) === needed) return { fd, mode, restore: false };
  return { fd, mode, restore: chmodAt(AT_FDCWD, procPath(fd), mode | needed) === 0 && !setsOwnMode };
}
