// Over how many sockets one channel sends.

/** The most that a channel has, the first one included. */
export const SOCKETS_MAX = 16;

/** "automatic": more than one when the round trip is long and what is to be sent backs up. */
export type SocketRule = number | "automatic";

export interface SocketsReport {
  /** In use, the first one included. */
  readonly open: number;
  /** Why so many, for people. */
  readonly why: string;
}
