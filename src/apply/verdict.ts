// What became of one change. Trouble with one path is a value, never a throw: the engine turns it into an answer or a retry.

import { constants } from "node:os";
import { EACCES, EINTR, EISDIR, ELOOP, ENOENT, ENOTDIR, EPERM, errnoName } from "../fs/errno.js";
import { type BytePath, displayPath } from "../model/byte-path.js";

export type Failure =
  /** Does not fit what is there; `also` names a parent that is broken and must be compared as well. */
  | { readonly kind: "stale"; readonly path: BytePath; readonly reason: string; readonly also?: BytePath }
  /** Cannot be carried over; the rest goes on. */
  | { readonly kind: "problem"; readonly path: BytePath; readonly code: string; readonly message: string }
  /** Will work once somebody frees space, mounts, lifts a protection: the same change is tried again. */
  | { readonly kind: "retry"; readonly path: BytePath; readonly errno: number; readonly message: string };

/** undefined = done. */
export type Verdict = Failure | undefined;

const e = constants.errno;
const HEALS = new Set([
  e.ENOSPC,
  e.EDQUOT,
  EACCES,
  EPERM,
  e.EROFS,
  e.EBUSY,
  e.EMFILE,
  e.ENFILE,
  e.ENOMEM,
  e.EIO,
  e.EAGAIN,
  e.ESTALE,
  e.ETIMEDOUT,
  e.ENOLCK,
  EINTR,
]);
/** The place changed under our hands: somebody else writes here too. */
const MOVED = new Set([ENOENT, ENOTDIR, ELOOP, EISDIR, e.EEXIST, e.ENOTEMPTY]);

export function canHeal(errno: number): boolean {
  return HEALS.has(Math.abs(errno));
}

export function stale(path: BytePath, reason: string, also?: BytePath): Failure {
  return also === undefined ? { kind: "stale", path, reason } : { kind: "stale", path, reason, also };
}

export function problem(path: BytePath, code: string, message: string): Failure {
  return { kind: "problem", path, code, message };
}

/** Decides by the errno of a failed call; `what` is the verb ("create"). */
export function failed(errno: number, what: string, path: BytePath): Failure {
  const number = Math.abs(errno);
  const message = `cannot ${what} ${displayPath(path) || "the mapped directory"}: ${errnoName(number)}`;
  if (HEALS.has(number)) return { kind: "retry", path, errno: number, message };
  if (MOVED.has(number)) return stale(path, message);
  return problem(path, errnoName(number), message);
}
