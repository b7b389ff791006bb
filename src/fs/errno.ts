import { constants } from "node:os";
import { type ErrorCode, SmError } from "../base/errors.js";
import { displayPath } from "../model/byte-path.js";

const NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

export const E2BIG = constants.errno.E2BIG;
export const ENOENT = constants.errno.ENOENT;
export const EEXIST = constants.errno.EEXIST;
export const ENOTDIR = constants.errno.ENOTDIR;
export const EISDIR = constants.errno.EISDIR;
export const ELOOP = constants.errno.ELOOP;
export const ENOTEMPTY = constants.errno.ENOTEMPTY;
export const EPERM = constants.errno.EPERM;
export const ENOSYS = constants.errno.ENOSYS;
export const EACCES = constants.errno.EACCES;
export const EINVAL = constants.errno.EINVAL;
export const ENOTSUP = constants.errno.ENOTSUP;
export const ENXIO = constants.errno.ENXIO;
export const EXDEV = constants.errno.EXDEV;
export const ETXTBSY = constants.errno.ETXTBSY;
export const ENOSPC = constants.errno.ENOSPC;
export const EBUSY = constants.errno.EBUSY;
export const ENODATA = constants.errno.ENODATA;
export const ERANGE = constants.errno.ERANGE;
export const EINTR = constants.errno.EINTR;
export const EAGAIN = constants.errno.EAGAIN;

/** "ENOSPC" for 28. Takes the errno with either sign. */
export function errnoName(errno: number): string {
  return NAMES.get(Math.abs(errno)) ?? `errno ${Math.abs(errno)}`;
}

function codeOf(errno: number): ErrorCode {
  switch (Math.abs(errno)) {
    case EACCES:
    case EPERM:
      return "FS_DENIED";
    case ENOENT:
      return "FS_VANISHED";
    default:
      return "FS_IO";
  }
}

/** An SmError for a failed call: `what` is the verb ("open"), `path` in bytes. */
export function fsError(errno: number, what: string, path: string): SmError {
  return new SmError(codeOf(errno), `cannot ${what} ${displayPath(path) || "."}: ${errnoName(errno)}`, {
    data: { errno: Math.abs(errno), name: errnoName(errno) },
  });
}
