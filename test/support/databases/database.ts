// What the cut trial asks of a database: to be made, opened, put under load, and judged.

import type { DatabasePlace } from "./place.js";

/** What of the load is committed: one heartbeat per commit, with its time. */
export interface Heartbeats {
  readonly commits: number;
  readonly newestMs: number;
}

/** Clients that write until they are stopped. */
export interface Load {
  /** Freezes the clients where they are, inside of a transaction or not. */
  pause(): void;
  resume(): void;
  /** Throws when a client has ended by itself. */
  check(): void;
  stop(): Promise<void>;
}

/** A database that has been opened; recovery, if any was needed, is over. */
export interface Database {
  /** Program and version, and how it writes. */
  readonly description: string;
  startLoad(): Load;
  /** Those not younger than `untilMs`. */
  heartbeats(untilMs: number): Promise<Heartbeats>;
  /** Everything that is wrong, in words; none is a clean database. */
  findings(): Promise<readonly string[]>;
  /** Orderly. */
  stop(): Promise<void>;
}

export interface DatabaseKind {
  readonly name: string;
  /** The system account it runs as. */
  readonly user: string;
  /** The programs it needs, and the Debian package of each. */
  readonly programs: Readonly<Record<string, string>>;
  /** Whether the file of this path, relative to the data directory, holds rows of the load. */
  holdsRows(path: string): boolean;
  /** Makes the data directory with the tables of the load, and leaves the database stopped. */
  create(place: DatabasePlace): Promise<void>;
  /** Throws when the database cannot recover. */
  open(place: DatabasePlace): Promise<Database>;
  /** As `findings` of a database, by programs that want it stopped. */
  findingsWhenStopped(place: DatabasePlace): Promise<readonly string[]>;
}
