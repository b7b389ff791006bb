// What was begun for the tasks of one connection, and what became of them: on disk before a program is started, so that none ever
// runs twice, whatever is sent again and however the agent ends. `tasks.json` in the connection's state directory.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { writeFileAtomic } from "../fs/atomic-file.js";
import { type TaskResult, taskResultSchema } from "../model/task.js";

const bookSchema = z.strictObject({
  /** Programs of tasks up to this number were run when they came, or will not be. */
  received: z.number().int().nonnegative(),
  /** Tasks up to this number are decided on: none of them begins any more. */
  handled: z.number().int().nonnegative(),
  /** Begun, and not known to have ended. */
  running: z.array(z.number().int().positive()),
  /** Oldest first. */
  results: z.array(taskResultSchema),
});

type Book = z.output<typeof bookSchema>;

const RESULTS_KEPT = 100;
const EMPTY: Book = { received: 0, handled: 0, running: [], results: [] };
const INTERRUPTED = "the agent of the target ended while it ran, and does not run it again";

export class TaskBook {
  readonly #path: string;
  #book: Book;

  private constructor(path: string, book: Book) {
    this.#path = path;
    this.#book = book;
  }

  /** STATE_CORRUPT: what has run already is not known. */
  static open(stateDirectory: string): TaskBook {
    const path = join(stateDirectory, "tasks.json");
    if (!existsSync(path)) return new TaskBook(path, EMPTY);
    let book: Book;
    try {
      book = bookSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    } catch (error) {
      throw new SmError("STATE_CORRUPT", `${path} cannot be read: which tasks have run is not known`, { cause: error });
    }
    const opened = new TaskBook(path, book);
    for (const number of book.running) opened.end({ number, outcome: "unknown", why: INTERRUPTED, runs: [] });
    return opened;
  }

  hasReceived(number: number): boolean {
    return number <= this.#book.received;
  }

  received(number: number): void {
    this.#write({ ...this.#book, received: Math.max(number, this.#book.received) });
  }

  isHandled(number: number): boolean {
    return number <= this.#book.handled;
  }

  /** Of one that is decided on. */
  resultOf(number: number): TaskResult {
    const kept = this.#book.results.find((result) => result.number === number);
    return kept ?? { number, outcome: "unknown", why: "the target does not keep its result any more", runs: [] };
  }

  /** From here on it does not begin again. */
  begin(number: number): void {
    const { handled, running } = this.#book;
    this.#write({ ...this.#book, handled: Math.max(number, handled), running: [...running, number] });
  }

  end(result: TaskResult): void {
    const { handled, running, results } = this.#book;
    this.#write({
      ...this.#book,
      handled: Math.max(result.number, handled),
      running: running.filter((number) => number !== result.number),
      results: [...results.filter(({ number }) => number !== result.number), result].slice(-RESULTS_KEPT),
    });
  }

  #write(book: Book): void {
    writeFileAtomic(this.#path, JSON.stringify(book));
    this.#book = book;
  }
}
