// Orphans: names of one directory that the source, at this point of the stream, does not have. Each name answers for itself: what
// cannot be removed is told and left, it never holds up replication.

import { mkdirSync } from "node:fs";
import { fsPath } from "../fs/confined-root.js";
import { ENOENT, errnoName } from "../fs/errno.js";
import { statAt } from "../fs/native.js";
import { displayPath, joinPath } from "../model/byte-path.js";
import type { OrphanFound, OrphansChange } from "../model/change.js";
import { NO_ORPHANS } from "../model/orphan-sums.js";
import type { ApplyContext } from "./apply-context.js";
import { typeOf } from "./attributes.js";
import { namesOf } from "./directory-names.js";
import { OrphanPlace } from "./orphan-place.js";
import { OrphanSweep } from "./orphan-sweep.js";
import type { Verdict } from "./verdict.js";

/** Of one answer; the source asks for the rest. */
const NAMES_PER_ANSWER = 1000;

export function applyOrphans(ctx: ApplyContext, change: OrphansChange): Verdict {
  const { root, path, deed, sums } = change;
  const answer = { kind: "orphans", seq: ctx.seq, root, path, total: 0, found: [], next: null, refused: null } as const;
  if (deed === "end") {
    ctx.orphans.totals(change.place === null ? "deleted" : "moved", sums);
    ctx.answer(answer);
    return undefined;
  }
  const refused = change.place === null ? null : ctx.orphans.refusalOf(change.place);
  if (refused !== null) {
    ctx.answer({ ...answer, refused });
    return undefined;
  }
  const directory = ctx.directories.get(root, path);
  const listed = typeof directory === "number" ? directory : namesOf(directory.fd);
  if (typeof directory === "number" || typeof listed === "number") {
    // Not there, or no directory: nothing of it is an orphan. What cannot be looked at is said.
    const errno = typeof listed === "number" ? listed : -ENOENT;
    const isThere = typeof directory !== "number";
    ctx.answer(isThere ? { ...answer, refused: `the directory ${displayPath(path)} of the target cannot be listed: ${errnoName(errno)}` } : answer);
    return undefined;
  }
  const concerned = concernedOf(ctx, change, directory.fd, listed);
  const names = concerned.others.slice(0, NAMES_PER_ANSWER);
  const found = sweep(ctx, change, directory.fd, names);
  ctx.answer({ ...answer, total: concerned.total, found, next: concerned.others[NAMES_PER_ANSWER] ?? null });
  return undefined;
}

interface Concerned {
  /** Names of the slice that the rules concern. */
  readonly total: number;
  /** Those of them that the source does not have, in byte order. */
  readonly others: readonly string[];
}

function concernedOf(ctx: ApplyContext, change: OrphansChange, dirfd: number, listed: readonly string[]): Concerned {
  const { root, path, way, from, until, includesExcluded } = change;
  const named = new Set(change.names);
  const isMeant = (name: string): boolean => (way === "these" ? named.has(name) : name >= from && (until === "" || name < until));
  const isOfSet = (name: string): boolean => {
    const stat = statAt(dirfd, name);
    return typeof stat !== "number" && ctx.matcher(root, joinPath(path, name), typeOf(stat) === "dir");
  };
  const concerned = listed.filter((name) => isMeant(name) && (includesExcluded || isOfSet(name)));
  return { total: concerned.length, others: concerned.filter((name) => way === "these" || !named.has(name)).sort() };
}

function sweep(ctx: ApplyContext, change: OrphansChange, dirfd: number, names: readonly string[]): readonly OrphanFound[] {
  const { root, path, deed } = change;
  const place = deed === "move" && change.place !== null && names.length > 0 ? openPlace(ctx, change) : null;
  try {
    const found: OrphanFound[] = [];
    for (const name of names) {
      const stat = statAt(dirfd, name);
      if (typeof stat === "number") continue;
      const isDirectory = typeOf(stat) === "dir";
      if (typeof place === "string") {
        found.push({ name, isDirectory, ...NO_ORPHANS, kept: 0, failed: 1, why: place });
        continue;
      }
      const one = new OrphanSweep(ctx, change, place);
      if (deed !== "look" && one.take(dirfd, name, joinPath(path, name)) && deed !== "count") ctx.refusals.removed(root, joinPath(path, name));
      const { files, directories, bytes, kept, failed, why } = one;
      found.push({ name, isDirectory, files, directories, bytes, kept, failed, why });
    }
    return found;
  } finally {
    if (place !== null && typeof place !== "string") place.close();
    ctx.orphans.flush();
    // Descriptors follow their inodes: of directories that are no more, too.
    if (deed === "delete" || deed === "move") ctx.directories.flush();
  }
}

/** Or why it cannot be. */
function openPlace(ctx: ApplyContext, { place, root, path }: OrphansChange): OrphanPlace | string {
  if (place === null) return "nothing was said of where to move it";
  try {
    mkdirSync(fsPath(place.directory), { recursive: true, mode: 0o700 });
    return OrphanPlace.open(ctx, place, root, path);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
