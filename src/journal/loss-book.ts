// What was given up and who has to know. A loss nobody listens to yet (found while opening) waits for the first listener.

import { toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { JournalLoss } from "../model/journal-port.js";
import type { ConnectionSpan } from "./give-up-plan.js";
import { mergeSpans, type Span } from "./span.js";

const SPANS_MAX = 1000;

export class LossBook {
  #spans: Span[] = [];
  #waiting: JournalLoss[] = [];
  readonly #listeners = new Set<(loss: JournalLoss) => void>();
  readonly #log: Log;
  #isTelling = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Spans that are missing among what is still held, in order. */
  get spans(): readonly Span[] {
    return this.#spans;
  }

  /** A listener is being told just now: the journal is in the middle of a change. */
  get isTelling(): boolean {
    return this.#isTelling;
  }

  /** Tells every listener before it returns: only then may the space be reused. */
  report(loss: JournalLoss): void {
    this.#spans = mergeSpans([...this.#spans, { fromSeq: loss.fromSeq, toSeq: loss.toSeq }], SPANS_MAX);
    this.#tell(loss);
  }

  reportAll(losses: readonly ConnectionSpan[], why: Pick<JournalLoss, "reason" | "message">): void {
    for (const loss of losses) this.report({ ...loss, ...why });
  }

  /** Takes over spans of the last run; `concerned` names the consumers that stand before one and may not know. */
  restore(spans: readonly Span[], concerned: (span: Span) => readonly number[]): void {
    this.#spans = mergeSpans([...this.#spans, ...spans], SPANS_MAX);
    for (const span of spans) for (const connectionId of concerned(span)) this.#tell(earlierLoss(connectionId, span));
  }

  /** For a consumer that starts (again) after `afterSeq` and knows nothing of spans up to `untilSeq`. */
  retell(connectionId: number, afterSeq: number, untilSeq: number): void {
    for (const span of this.#spans) {
      if (span.toSeq > afterSeq && span.toSeq <= untilSeq) this.#tell(earlierLoss(connectionId, span));
    }
  }

  /** Every consumer is beyond `seq`: spans up to there concern nobody. */
  forget(seq: number): void {
    if ((this.#spans[0]?.toSeq ?? Number.POSITIVE_INFINITY) <= seq) this.#spans = this.#spans.filter((span) => span.toSeq > seq);
  }

  subscribe(listener: (loss: JournalLoss) => void): () => void {
    this.#listeners.add(listener);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const loss of waiting) this.#tell(loss);
    return () => this.#listeners.delete(listener);
  }

  #tell(loss: JournalLoss): void {
    if (this.#listeners.size === 0) {
      this.#waiting.push(loss);
      if (this.#waiting.length > SPANS_MAX) this.#waiting = [joinLosses(this.#waiting)];
      return;
    }
    this.#isTelling = true;
    for (const listener of [...this.#listeners]) {
      try {
        listener(loss);
      } catch (error) {
        this.#log.error("a consumer failed to take note of a loss in the queue", { ...loss, error: toSmError(error).message });
      }
    }
    this.#isTelling = false;
  }
}

function earlierLoss(connectionId: number, span: Span): JournalLoss {
  const message = `change sets ${span.fromSeq} to ${span.toSeq} were given up earlier`;
  return { connectionId, fromSeq: span.fromSeq, toSeq: span.toSeq, reason: "corrupt", message };
}

function joinLosses(losses: readonly JournalLoss[]): JournalLoss {
  const fromSeq = losses.reduce((min, loss) => Math.min(min, loss.fromSeq), Number.POSITIVE_INFINITY);
  const toSeq = losses.reduce((max, loss) => Math.max(max, loss.toSeq), 0);
  return { connectionId: 0, fromSeq, toSeq, reason: "corrupt", message: `many losses between change sets ${fromSeq} and ${toSeq}` };
}
