// Makes ranges of the events of iomap, the layer through which ext4, xfs and btrfs write directly, and xfs zeroes.
//
// These events are the only ones that mean something only together:
//   - The end of a direct request (`iomap_dio_complete`) is the moment from which the new bytes can be read, but it does
//     not say whether they were read or written. The step before (`iomap_iter`) does. A synchronous request begins and
//     ends in one thread; an asynchronous one bears a flag when the caller set it, and is known by its start otherwise.
//   - The length of a step is 0 when it starts at offset 0; the next step of the same thread tells how far it went.
// Therefore they are kept until the end of a drain, brought into the order of time, and decoded up to the moment at which
// the drain began: whatever happened before that moment, on whichever processor, is in hand then.

import { END_OF_FILE, MARK_MAPPED, MARK_UNSETTLED } from "./range-table.js";
import type { TraceSink } from "./trace-sink.js";

interface IomapCommon {
  readonly timeNs: number;
  readonly thread: number;
  readonly device: number;
  readonly ino: number;
  /** Of a step: where it starts. Of an end: where the request ended. */
  readonly pos: number;
}

export interface IomapStep extends IomapCommon {
  readonly kind: "step";
  readonly length: number;
  /** `zero`, `fault` and `copy` change bytes between this step and the next; `direct` until its end. */
  readonly what: "direct" | "zero" | "fault" | "copy";
}

export interface IomapEnd extends IomapCommon {
  readonly kind: "end";
  /** Bytes done, or a negative errno. */
  readonly result: number;
  readonly isAsync: boolean;
  /** The caller said that it is a write. */
  readonly isWrite: boolean;
}

export type IomapEvent = IomapStep | IomapEnd;

interface Start {
  readonly device: number;
  readonly ino: number;
  readonly timeNs: number;
  hasEnded: boolean;
}

const EAGAIN = 11;
/** Requests and threads remembered. One that is forgotten before its end makes its whole file dirty. */
const TRACKED_MAX = 65_536;

export class IomapTracker {
  readonly #sink: TraceSink;
  #events: IomapEvent[] = [];
  /** Direct write of each thread, until it ends. */
  readonly #writes = new Map<number, Start>();
  /** Direct writes by place, for asynchronous ends that do not tell. */
  readonly #places = new Map<string, Start>();
  /** Threads whose last step began at offset 0. */
  readonly #fromZero = new Map<number, IomapStep>();

  constructor(sink: TraceSink) {
    this.#sink = sink;
  }

  push(event: IomapEvent): void {
    this.#events.push(event);
  }

  /**
   * Decodes the events up to `untilNs`; `slackNs` is what the clocks of trace and caller may differ by. Later events are
   * kept: one before them may still lie in the buffer of a processor that was read too early.
   */
  settle(untilNs: number, slackNs: number): void {
    if (this.#events.length === 0) return;
    const events = this.#events.sort((a, b) => a.timeNs - b.timeNs);
    this.#events = [];
    for (const event of events) {
      if (event.timeNs > untilNs + slackNs) this.#events.push(event);
      else if (event.kind === "step") this.#step(event);
      else if (!this.#end(event) && event.timeNs > untilNs - slackNs) this.#events.push(event);
    }
    this.#trim(this.#writes);
    this.#trim(this.#places);
    if (this.#fromZero.size > TRACKED_MAX) {
      for (const step of this.#fromZero.values()) this.#add(step, 0, END_OF_FILE);
      this.#fromZero.clear();
    }
  }

  #step(step: IomapStep): void {
    if (step.what === "direct") {
      const start = { device: step.device, ino: step.ino, timeNs: step.timeNs, hasEnded: false };
      putLast(this.#writes, step.thread, start);
      putLast(this.#places, placeKey(step, step.pos), start);
      return;
    }
    const first = this.#fromZero.get(step.thread);
    if (step.pos === 0 && step.length === 0) {
      this.#fromZero.set(step.thread, step);
      return;
    }
    const isNext = first !== undefined && first.device === step.device && first.ino === step.ino && first.what === step.what;
    if (isNext) this.#add(step, 0, step.pos);
    // A first step tells its whole length; a later one none. So one with a length ends what began at 0.
    if (!isNext || step.length > 0) this.#fromZero.delete(step.thread);
    if (step.length > 0) this.#add(step, step.pos, step.pos + step.length);
  }

  /** False when nothing says that this was a write. */
  #end(end: IomapEnd): boolean {
    const place = placeKey(end, end.result > 0 ? end.pos - end.result : end.pos);
    if (end.isAsync) {
      const started = this.#places.get(place);
      if (!end.isWrite && started === undefined) return false;
      if (started !== undefined) started.hasEnded = true;
      // Without the flag the place is kept: another request may be under way there.
      if (end.isWrite) this.#places.delete(place);
    } else {
      const started = this.#writes.get(end.thread);
      if (started === undefined || started.ino !== end.ino || started.device !== end.device) return false;
      this.#writes.delete(end.thread);
      this.#places.delete(place);
    }
    if (end.result > 0) this.#add(end, end.pos - end.result, end.pos);
    // Refused before the first byte: file systems take a request that may not wait only when all of it is mapped.
    else if (end.result < 0 && end.result !== -EAGAIN) this.#add(end, 0, END_OF_FILE);
    return true;
  }

  #add(event: IomapEvent, start: number, end: number): void {
    let marks = 0;
    if (event.kind === "step") marks = event.what === "fault" ? MARK_MAPPED : MARK_UNSETTLED;
    for (const root of this.#sink.rootsOf(event.device)) {
      this.#sink.write(event.device, root, event.ino, start, end, event.thread, event.timeNs, marks);
    }
  }

  #trim(tracked: Map<unknown, Start>): void {
    for (const [key, start] of tracked) {
      if (tracked.size <= TRACKED_MAX) return;
      tracked.delete(key);
      if (start.hasEnded) continue;
      for (const root of this.#sink.rootsOf(start.device)) this.#sink.writeWhole(start.device, root, start.ino, 0, start.timeNs);
    }
  }
}

/** Keeps the map in the order of age. */
function putLast<K>(map: Map<K, Start>, key: K, start: Start): void {
  map.delete(key);
  map.set(key, start);
}

function placeKey(event: IomapCommon, start: number): string {
  return `${event.device}:${event.ino}:${start}`;
}
