// The dirty maps of this source: one file for each connection that has one.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../base/log.js";
import { DirtyBook } from "./dirty-book.js";

export class DirtyStore {
  readonly #directory: string;
  readonly #log: Log;
  readonly #books = new Map<number, DirtyBook>();

  private constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
  }

  static open(stateDir: string, log: Log): DirtyStore {
    const directory = join(stateDir, "connections");
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return new DirtyStore(directory, log);
  }

  book(connectionId: number): DirtyBook {
    const known = this.#books.get(connectionId);
    if (known !== undefined) return known;
    const book = DirtyBook.open({ path: this.#path(connectionId), connectionId, log: this.#log });
    this.#books.set(connectionId, book);
    return book;
  }

  remove(connectionId: number): void {
    this.#books.get(connectionId)?.remove();
    this.#books.delete(connectionId);
    rmSync(this.#path(connectionId), { force: true });
  }

  close(): void {
    for (const book of this.#books.values()) book.close();
    this.#books.clear();
  }

  #path(connectionId: number): string {
    return join(this.#directory, `${connectionId}.dirty`);
  }
}
