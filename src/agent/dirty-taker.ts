// Where the queue of one replication set puts what it cannot keep: the dirty maps of the connections concerned.

import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import type { SourceConnection } from "../connection/source-connection.js";
import type { DirtyBook } from "../journal/dirty-book.js";
import type { DirtyStore } from "../journal/dirty-store.js";
import type { DirtyTaker, JournalRecord } from "../model/journal-port.js";
import type { SourceCommand } from "../model/source-messages.js";

export interface DirtyTakerOptions {
  readonly store: DirtyStore;
  readonly repset: string;
  readonly connections: () => Iterable<SourceConnection>;
  readonly send: (command: SourceCommand) => void;
  readonly log: Log;
}

export class SetDirtyTaker implements DirtyTaker {
  readonly #options: DirtyTakerOptions;
  readonly #entered = new Set<DirtyBook>();

  constructor(options: DirtyTakerOptions) {
    this.#options = options;
  }

  enter(connectionId: number, record: JournalRecord): void {
    const { store, repset, log } = this.#options;
    // What it does not get because its replication was stopped, a mirror owed for that brings.
    if (this.#find(connectionId)?.replication.passesOver(record) === true) return;
    const book = store.book(connectionId);
    if (book.isEmpty) logEvent(log, "queueFull", { repset, connection: connectionId });
    book.enter(record.bytes);
    this.#entered.add(book);
  }

  async commit(): Promise<void> {
    const books = [...this.#entered];
    this.#entered.clear();
    await Promise.all(books.map((book) => book.commit()));
    for (const connection of this.#options.connections()) connection.placesChanged();
  }

  onLeft(losses: readonly { readonly connectionId: number; readonly fromSeq: number; readonly toSeq: number }[]): void {
    for (const { connectionId, fromSeq, toSeq } of losses) this.#options.send({ kind: "lost", connectionId, fromSeq, toSeq });
  }

  #find(connectionId: number): SourceConnection | undefined {
    for (const connection of this.#options.connections()) if (connection.id === connectionId) return connection;
    return undefined;
  }
}
