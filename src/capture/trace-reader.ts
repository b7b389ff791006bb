// Reads the rings of one trace instance: decodes the records of the events that were enabled, and counts what was lost.

import { SmError } from "../base/errors.js";
import { readFd } from "../fs/fanotify.js";
import type { TraceEventPlan } from "./trace-events.js";
import { bytesNeeded } from "./trace-format.js";
import { TraceInstance, type TraceInstanceOptions } from "./trace-instance.js";
import { parseTracePage, type VisitRecord, word } from "./trace-page.js";

interface Handler {
  readonly decode: VisitRecord;
  readonly bytesMin: number;
}

const RECORD_ID_MASK = 0xffff;

export class TraceReader {
  readonly #instance: TraceInstance;
  readonly #handlers: (Handler | undefined)[] = [];
  readonly #page: Uint32Array;
  readonly #pageBytes: Buffer;
  readonly #visit: VisitRecord;
  #events = 0;
  #bytes = 0;
  #lostNow = 0;
  #dropped = 0;

  private constructor(instance: TraceInstance) {
    this.#instance = instance;
    this.#page = new Uint32Array(instance.subBufferBytes / 4);
    this.#pageBytes = Buffer.from(this.#page.buffer);
    this.#visit = (words, at, bytes, timeNs) => {
      const handler = this.#handlers[word(words, at) & RECORD_ID_MASK];
      if (handler === undefined) return;
      if (bytes < handler.bytesMin) this.#lostNow++;
      else handler.decode(words, at, bytes, timeNs);
    };
  }

  /** Nothing is recorded yet: `enable` events, then `start`. Throws UNSUPPORTED with the reason. */
  static open(options: TraceInstanceOptions): TraceReader {
    return new TraceReader(TraceInstance.open(options));
  }

  /** To be waited on: readable when there is something to drain. */
  get fds(): readonly number[] {
    return this.#instance.fds;
  }

  /** Decoded until now. */
  get events(): number {
    return this.#events;
  }

  /** Read from the rings, whole pages. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns the blind spot that is left when the kernel does not know the event. */
  enable(plan: TraceEventPlan): string[] {
    const format = this.#instance.format(plan.system, plan.event);
    if (format === null) {
      if (plan.blindSpot !== null) return [plan.blindSpot];
      throw new SmError("UNSUPPORTED", `no write ranges: this kernel has no trace event ${plan.system}:${plan.event}`, {
        data: { tier: 3, event: plan.event },
      });
    }
    this.#handlers[format.id] = { decode: plan.decoder(format), bytesMin: bytesNeeded(format) };
    this.#instance.enable(plan.system, plan.event, plan.filter(format));
    return [];
  }

  disable(plan: TraceEventPlan): void {
    this.#instance.disable(plan.system, plan.event);
  }

  start(): void {
    this.#instance.start();
  }

  /** Decodes what is in the rings, up to `untilNs` at least. */
  read(untilNs: number): void {
    for (const fd of this.#instance.fds) this.#readProcessor(fd, untilNs);
  }

  #readProcessor(fd: number, untilNs: number): void {
    // A ring that is filled as fast as it is read is left when as much was read as it can have held at the start.
    for (let pages = 0; pages <= this.#instance.ringPages; pages++) {
      const bytes = readFd(fd, this.#pageBytes);
      if (bytes <= 0) return;
      const page = parseTracePage(this.#page, bytes, this.#visit);
      this.#bytes += bytes;
      this.#events += page.records;
      this.#lostNow += page.lost + (page.isCorrupt ? 1 : 0);
      if (page.lastNs > untilNs) return;
    }
  }

  /** Records lost since the last call. */
  takeLost(): number {
    const lost = this.#lostNow;
    this.#lostNow = 0;
    return lost;
  }

  /** Looks for losses of which no page tells; to be called every second or so. */
  audit(): void {
    const dropped = this.#instance.countDropped();
    if (dropped > this.#dropped) this.#lostNow += dropped - this.#dropped;
    this.#dropped = dropped;
    // Somebody stopped the recording by hand: start it again, and own up.
    if (this.#instance.isRecording()) return;
    this.#lostNow++;
    this.#instance.start();
  }

  close(): void {
    this.#instance.close();
  }
}

/** As the trace clock. */
export function monotonicNs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e9 + nanoseconds;
}
