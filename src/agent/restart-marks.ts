// The source worker's part in restarts: keeps the directory book, takes a mark about once a second, and says after a restart
// where the tree may differ from what it was at one.

import { DirectoryBook } from "../capture/directory-book.js";
import type { LiveContent } from "../capture/live-content.js";
import { RestartScan } from "../capture/restart-scan.js";
import type { SourceEngine } from "../capture/source-engine.js";
import { DIRTY_LIMITS, DirtyMap } from "../journal/dirty-map.js";
import type { CleanMark } from "../model/clean-mark.js";
import type { SourceCommand, SourceEvent, SourceWorkerData } from "../model/source-messages.js";

export interface RestartMarksOptions {
  readonly data: Pick<SourceWorkerData, "bookPath" | "roots" | "rules">;
  /** Its trees are scanned. */
  readonly engine: SourceEngine;
  readonly content: LiveContent | null;
  /** Connections of which no job has anything to do. */
  readonly idle: () => Iterable<number>;
  readonly post: (event: SourceEvent) => void;
}

const MARK_MS = 1000;
/** A source that does not rest is asked so often. */
const RETRY_MS = 20;

export class RestartMarks {
  readonly #options: RestartMarksOptions;
  readonly #book: DirectoryBook;
  readonly #scan: RestartScan;
  #nextMs = 0;
  #nextFitMs = 0;
  #isFit = false;

  private constructor(options: RestartMarksOptions) {
    const { data, engine, content } = options;
    this.#options = options;
    const tables = engine.trees.map(({ table }) => table);
    this.#book = DirectoryBook.open(
      data.bookPath,
      tables.map(({ records }) => records),
    );
    for (const table of tables) this.#book.follow(table);
    this.#scan = new RestartScan({ engine, book: this.#book, content, set: JSON.stringify([data.roots, data.rules]) });
  }

  /** Right after the scan, before anything of the tree is told. */
  static open(options: RestartMarksOptions): RestartMarks {
    return new RestartMarks(options);
  }

  /** Before a set leaves. */
  beforeSet(): void {
    this.#book.flush();
  }

  /** Between the passes of the engine. */
  look(): void {
    const now = performance.now();
    if (now < this.#nextMs) return;
    const mark = this.#scan.mark();
    if (mark !== null || now >= this.#nextFitMs) {
      this.#nextFitMs = now + MARK_MS;
      this.#isFit = this.#scan.isFit;
      if (!this.#isFit) this.#tell(0, null);
    }
    this.#nextMs = now + (mark === null ? RETRY_MS : MARK_MS);
    if (mark !== null && this.#isFit) for (const connectionId of this.#options.idle()) this.#tell(connectionId, mark);
  }

  #tell(connectionId: number, mark: CleanMark | null): void {
    this.#options.post({ kind: "clean", connectionId, seq: this.#options.engine.writer.flush(), mark });
  }

  answer({ connectionId, id, mark }: Extract<SourceCommand, { kind: "scan" }>): void {
    const { engine, post } = this.#options;
    engine.writer.flush();
    const { files } = engine.totals;
    const found = this.#scan.placesSince(mark);
    if (typeof found === "string") {
      post({ kind: "scanned", connectionId, id, files, places: null, why: found });
      return;
    }
    // Bounded: what is too much to be named becomes coarser places.
    const map = new DirtyMap(DIRTY_LIMITS);
    for (const place of found) map.mark({ ...place, files: 0, bytes: 0 });
    const places = [...map.all()].map(({ root, path, level, thorough }) => ({ root, path, level, thorough }));
    post({ kind: "scanned", connectionId, id, files, places, why: "" });
  }

  close(): void {
    this.#book.close();
  }
}
