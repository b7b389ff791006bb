// A further name on another file system than the first: it cannot be a link, so it becomes a copy, and that is said. Later
// changes reach the name that they are sent by; a comparison finds the copy outdated and makes it anew.

import { procPath } from "../fs/confined-root.js";
import { type FileStat, statAt } from "../fs/native.js";
import { readXattrs } from "../fs/xattrs.js";
import { baseName, displayPath } from "../model/byte-path.js";
import type { LinkChange } from "../model/change.js";
import type { ApplyContext } from "./apply-context.js";
import { applyMeta, typeOf } from "./attributes.js";
import type { Directory } from "./directory-cache.js";
import { copyEntry } from "./entry-copy.js";
import { removeEntry } from "./remove-tree.js";
import { failed, problem, type Verdict } from "./verdict.js";

/** `stat`: what is to be copied, at the change's `to` in `origin`. */
export function applyCopy(ctx: ApplyContext, change: LinkChange, origin: Directory, stat: FileStat, parent: Directory): Verdict {
  const { path, to } = change;
  const said = problem(path, "EXDEV", `${displayPath(path)} is a copy of ${displayPath(to)}, not a link to it: that lies on another file system`);
  const current = statAt(parent.fd, baseName(path));
  if (typeof current !== "number" && isAlike(current, stat)) return said;
  if (typeOf(stat) === "special")
    return problem(path, "EXDEV", `${displayPath(path)} cannot be linked to ${displayPath(to)}: that lies on another file system`);
  const verdict = typeof current === "number" ? undefined : removeEntry(ctx, parent.fd, baseName(path), path);
  if (typeof current !== "number" && typeOf(current) === "dir") ctx.directories.flush();
  return verdict ?? makeCopy(ctx, change, origin, stat, parent) ?? said;
}

function isAlike(a: FileStat, b: FileStat): boolean {
  return typeOf(a) === typeOf(b) && a.size === b.size && a.mtimeSec === b.mtimeSec && a.mtimeNsec === b.mtimeNsec;
}

function makeCopy(ctx: ApplyContext, change: LinkChange, origin: Directory, stat: FileStat, parent: Directory): Verdict {
  const { root, path, to } = change;
  const [from, name] = [baseName(to), baseName(path)];
  const xattrs = readXattrs(procPath(origin.fd, from));
  if (typeof xattrs === "number") return failed(xattrs, "read the attributes of", to);
  const made = copyEntry(origin.fd, from, stat, parent.fd, name);
  if (made < 0) return failed(made, `copy ${displayPath(to)} to`, path);
  const current = statAt(parent.fd, name);
  if (typeof current === "number") return failed(current, "look at", path);
  return applyMeta(ctx, { root, path, fd: -1, dirfd: parent.fd, name }, current, { ...stat, mode: stat.mode & 0o7777, xattrs });
}
