// The journal as the connection sees it: change sets in order, one cursor per connection.

/** One encoded change set (see change-set.ts) with what the journal must know about it. */
export interface JournalRecord {
  /** Strictly increasing within an epoch; never reused. */
  readonly seq: number;
  /** 0 = for every connection; otherwise only the connection with this id receives it. */
  readonly connectionId: number;
  /** The encoded set exactly as it goes on the wire. */
  readonly bytes: Buffer;
}

export interface JournalStats {
  readonly epoch: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly segments: number;
}

/** What was given up, so that the connections concerned can be repaired. `connectionId` 0 = all. */
export interface JournalLoss {
  readonly connectionId: number;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly reason: "full" | "corrupt" | "io";
  readonly message: string;
}

/** Takes down, for connections that will not get them, what change sets would have changed. */
export interface DirtyTaker {
  /** Throws when the record cannot be understood. */
  enter(connectionId: number, record: JournalRecord): void;
  /** Everything entered is durable when it resolves; rejects when it cannot be made so. */
  commit(): Promise<void>;
  /** What was entered is no longer in the queue. */
  onLeft(losses: readonly { readonly connectionId: number; readonly fromSeq: number; readonly toSeq: number }[]): void;
}

export interface Journal {
  /** Resolves when the record is accepted (in memory, or written to its segment). Order of calls = order of records. */
  append(record: JournalRecord): Promise<void>;
  /** Registers a consumer that starts after `afterSeq`. */
  addCursor(connectionId: number, afterSeq: number): void;
  removeCursor(connectionId: number): void;
  /** Next record for this consumer after `afterSeq`, or undefined when there is none yet. Records for other connections are passed over. */
  next(connectionId: number, afterSeq: number): Promise<JournalRecord | undefined>;
  /** Everything up to `seq` is done for this consumer; what every cursor passed is released. */
  advance(connectionId: number, seq: number): void;
  /** Calls back (once per append burst) when records were appended. Returns the unsubscribe. */
  onAppend(listener: () => void): () => void;
  /** Calls back when records had to be given up, before the space is reused. */
  onLoss(listener: (loss: JournalLoss) => void): () => void;
  /** Records and bytes between the cursor and the end. */
  backlog(connectionId: number): { readonly records: number; readonly bytes: number };
  stats(): JournalStats;
  /** Writes what is in memory to segments, syncs, closes. */
  close(): Promise<void>;
}
