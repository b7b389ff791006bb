// An entry of a directory as a job is shown it, and as it is told to a receiver for comparison. What the listing has just seen unchanged is
// not looked at again: all that is missing of it in what is known of its inode is whose it is.

import { smallFileHash } from "../fs/file-hash.js";
import { type FileStat, readlinkAt, statAt } from "../fs/native.js";
import { UNREADABLE_DIGEST, xattrDigestAt } from "../fs/xattrs.js";
import { type BytePath, joinPath } from "../model/byte-path.js";
import { type EntrySummary, type EntryType, WHOLE_FILE_BYTES_MAX } from "../model/change.js";
import type { CompareRequest, MirrorEntry } from "../model/mirror-port.js";
import { isInSpan } from "../model/suspect-span.js";
import type { InodeRecord } from "./inode-record.js";
import { specialDetail } from "./meta-reader.js";

/** Of one entry, as the listing found it. */
export type Ownership = Pick<FileStat, "ino" | "mode" | "uid" | "gid">;

/** Of one comparison: as many again as it has entries. */
const UNSEEN_MAX = 250;

type Times = Pick<FileStat, "mtimeSec" | "mtimeNsec" | "ctimeSec" | "ctimeNsec">;

export interface Sight extends Omit<Ownership, "ino">, Times {
  readonly size: number;
  /** It has no extended attributes. */
  readonly isPlain: boolean;
}

export interface ListedEntry extends MirrorEntry {
  /** Absent: it is to be looked at. */
  readonly sight?: Sight | undefined;
}

/** `found`: at the time of change that is known of the inode. */
export function sightOf(inode: InodeRecord, found: Ownership | undefined): Sight | undefined {
  if (found === undefined || found.ino !== inode.ino || inode.racy || inode.type === "special") return undefined;
  const { mode, uid, gid } = found;
  const { size, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, isPlain } = inode;
  return { mode, uid, gid, size, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, isPlain };
}

/** Notes that the inode has no extended attributes, as was found out after `sight`. */
export function notePlain(inode: InodeRecord, sight: Sight): void {
  if (!inode.racy && inode.ctimeSec === sight.ctimeSec && inode.ctimeNsec === sight.ctimeNsec) inode.isPlain = true;
}

/**
 * Null = it is not there any more. `hashesSuspects`: the receiver compares the content of a small file that is suspected by its hash, instead
 * of asking for all of it. `onPlain` is told of what was seen unchanged and has no extended attributes, which was not known.
 */
export function summarise(
  dirfd: number,
  entry: ListedEntry,
  request: CompareRequest,
  hashesSuspects: boolean,
  onPlain: (entry: MirrorEntry, sight: Sight) => void,
): EntrySummary | null {
  const { sight } = entry;
  const stat = sight ?? statAt(dirfd, entry.name);
  if (typeof stat === "number") return null;
  const digest = sight?.isPlain === true ? 0 : xattrDigestAt(dirfd, entry.name);
  if (sight?.isPlain === false && digest === 0) onPlain(entry, sight);
  const detail = detailOf(dirfd, entry, stat);
  if (detail === null) return null;
  const isSuspected = isSuspect(request.suspect, stat);
  const isWanted = request.look?.hashesSmallFiles === true || (hashesSuspects && isSuspected);
  const isHashed = isWanted && entry.type === "file" && stat.size <= WHOLE_FILE_BYTES_MAX && !request.links.has(entry.name);
  const hash = isHashed ? smallFileHash(dirfd, entry.name) : null;
  return {
    ...(hash === null ? {} : { hash }),
    name: entry.name,
    type: entry.type,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: entry.type === "file" ? stat.size : 0,
    mtimeSec: stat.mtimeSec,
    mtimeNsec: stat.mtimeNsec,
    // Whoever sends them says that they cannot be read.
    xattrDigest: digest < 0 ? UNREADABLE_DIGEST : digest,
    detail,
    linkTo: request.links.get(entry.name) ?? null,
    // What cannot be read here is not known to be as it is there.
    suspect: (isHashed && hash === null) || (isSuspected && !(hashesSuspects && hash !== null)),
  };
}

/**
 * Of a name that cannot be looked at, so that the receiver does not take what it has there for an extra: told as a further name of itself,
 * which nothing of the same type differs from.
 */
export function unseenSummary(name: string, path: BytePath, type: EntryType): EntrySummary {
  const unknown = { mode: 0, uid: 0, gid: 0, size: 0, mtimeSec: 0, mtimeNsec: 0, xattrDigest: 0, detail: "", suspect: false };
  return { name, type, ...unknown, linkTo: path };
}

/** Tells of those of the names that the request is about, and does not tell. False: they are too many, or `names` is null. */
export function addUnseen(entries: EntrySummary[], names: readonly string[] | null, { directory, from, until, ...request }: CompareRequest): boolean {
  if (names === null || names.length === 0) return names !== null;
  const told = new Set(request.entries.map(({ name }) => name));
  const meant = names.filter((name) => name >= from && (until === "" || name < until) && !told.has(name));
  if (meant.length > UNSEEN_MAX) return false;
  entries.push(...meant.map((name) => unseenSummary(name, joinPath(directory, name), "dir")));
  return true;
}

/** Target of a link, kind of a device or FIFO. Null = it is not there any more. */
function detailOf(dirfd: number, entry: MirrorEntry, stat: Sight | FileStat): string | null {
  if (entry.type === "special" && "rdevMajor" in stat) return specialDetail(stat);
  if (entry.type !== "symlink") return "";
  const target = readlinkAt(dirfd, entry.name);
  return typeof target === "number" ? null : target;
}

function isSuspect(suspect: CompareRequest["suspect"], times: Times): boolean {
  return typeof suspect === "string" ? suspect === "all" : isInSpan(suspect, times);
}
