/** An account of this machine, as the kernel tells it of the process at the other end of a Unix socket. */
export interface Account {
  readonly uid: number;
  /** The process that opened the socket; it may have ended since. */
  readonly pid: number;
  /** As the system calls it, "uid N" where it has no name for it. */
  readonly name: string;
}
