import { SmError } from "../base/errors.js";
import { listNames } from "../fs/confined-root.js";

/** Names of an open directory, or the negative errno. */
export function namesOf(dirfd: number): string[] | number {
  try {
    return listNames(dirfd);
  } catch (error) {
    const errno = error instanceof SmError && error.cause instanceof Error && "errno" in error.cause ? Number(error.cause.errno) : 0;
    if (errno === 0) throw error;
    return -Math.abs(errno);
  }
}
