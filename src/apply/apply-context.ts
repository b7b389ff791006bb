// What every step of applying needs. One per engine; `seq` and `index` move with the work.

import { ELOOP, ENOTDIR } from "../fs/errno.js";
import { closeFd, O_DIRECTORY, O_PATH, openBeneath } from "../fs/native.js";
import { type BytePath, displayPath, parentPath } from "../model/byte-path.js";
import type { Answer, RootIndex } from "../model/change.js";
import type { CompareListing } from "./compare-listing.js";
import type { Intent, IntentKind } from "./cursor-file.js";
import type { Directory, DirectoryCache } from "./directory-cache.js";
import type { ForeignList } from "./foreign-list.js";
import type { TaskDesk } from "./host-tasks.js";
import type { InodeMark } from "./inode-mark.js";
import type { LinkRemap } from "./link-remap.js";
import type { OrphanDesk } from "./orphan-desk.js";
import type { Privileges } from "./privileges.js";
import type { Rebuilds } from "./rebuilds.js";
import type { TargetRoots } from "./target-roots.js";
import type { TransferWatch } from "./transfer-watch.js";
import { type Failure, failed, stale } from "./verdict.js";

/** True = this path is in the replication set. */
export type PathMatcher = (root: RootIndex, path: BytePath, isDirectory: boolean) => boolean;

/** Files whose status changed in this span may have lost data in a crash of the machine. */
export interface SuspectWindow {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What becomes of entries that the source lacks (refusals.ts). */
export interface ExtrasRefused {
  /** Takes one that cannot be removed out of the way; false = everything must wait for it. */
  takeExtra(root: RootIndex, path: BytePath, failure: Extract<Failure, { kind: "retry" }>): boolean;
  removed(root: RootIndex, path: BytePath): void;
}

export interface ApplyContext {
  readonly directories: DirectoryCache;
  readonly roots: TargetRoots;
  readonly privileges: Privileges;
  readonly foreign: ForeignList;
  readonly transfers: TransferWatch;
  readonly rebuilds: Rebuilds;
  readonly listing: CompareListing;
  readonly refusals: ExtrasRefused;
  readonly orphans: OrphanDesk;
  readonly tasks: TaskDesk;
  readonly remap: LinkRemap;
  readonly matcher: PathMatcher;
  readonly suspect: SuspectWindow | null;
  /** Done again after a crash of the machine: the disk may hold part of it, so a patch asks for no base. */
  readonly isRedo: boolean;
  readonly seq: number;
  /** Bits the kernel takes from modes at creation. */
  readonly umask: number;
  answer(answer: Answer): void;
  /** Records, before a step that cannot be repeated, what is about to be moved. */
  intend(kind: IntentKind, moved: InodeMark): void;
  /** Marks the moment after such a step. */
  deed(): void;
  /** The intent of this very change, when an earlier attempt at it was cut short. */
  interrupted(kind: IntentKind): Intent | null;
}

export function reportProblem(ctx: ApplyContext, root: RootIndex, path: BytePath, code: string, message: string): void {
  ctx.answer({ kind: "problem", seq: ctx.seq, root, path, code, message });
}

export function parentOf(ctx: ApplyContext, root: RootIndex, path: BytePath): Directory | number {
  return ctx.directories.get(root, parentPath(path));
}

/** Why the parent of `path` cannot be worked in. A link or a file in its place is named, so that it is compared too. */
export function parentFailure(ctx: ApplyContext, root: RootIndex, path: BytePath, errno: number): Failure {
  if (-errno !== ELOOP && -errno !== ENOTDIR) return failed(errno, "open the parent directory of", path);
  return stale(path, `a parent of ${displayPath(path)} is no directory on the target`, offender(ctx, root, parentPath(path)));
}

/** The first component of `path` that is no directory. */
function offender(ctx: ApplyContext, root: RootIndex, path: BytePath): BytePath {
  for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
    const part = path.slice(0, slash) as BytePath;
    const fd = openBeneath(ctx.roots.get(root).fd, part, O_PATH | O_DIRECTORY);
    if (fd < 0) return part;
    closeFd(fd);
  }
  return path;
}
