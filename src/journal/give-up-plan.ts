// Which records are given up when the queue can grow no more, as a pure decision: everything that is in no
// consumer's window. What is being sent stays (it will be acknowledged soon); what waits is repaired by a mirror later.

import type { Span } from "./span.js";

/** Something that is kept or dropped as a whole: a segment, a block of memory, or one record. */
export interface QueueUnit extends Span {
  /** Connection ids that have records in it; 0 = all. */
  readonly owners: readonly number[];
}

export interface Window {
  readonly connectionId: number;
  /** Records in (passedSeq, readSeq] are under way. */
  readonly passedSeq: number;
  readonly readSeq: number;
}

export interface ConnectionSpan extends Span {
  /** 0 = every connection. */
  readonly connectionId: number;
}

export interface GiveUpPlan {
  /** Indexes into the units. */
  readonly dropped: readonly number[];
  readonly losses: readonly ConnectionSpan[];
}

export function isInWindow(span: Span, windows: readonly Window[]): boolean {
  return windows.some((window) => span.fromSeq <= window.readSeq && span.toSeq > window.passedSeq);
}

/** `units` in order of sequence. A loss covers neighbouring dropped units, from the first to the last sequence of them. */
export function planGiveUp<U extends QueueUnit>(
  units: readonly U[],
  windows: readonly Window[],
  isKept: (unit: U) => boolean = (unit) => isInWindow(unit, windows),
): GiveUpPlan {
  const dropped: number[] = [];
  const losses: ConnectionSpan[] = [];
  let run: (Span & { readonly owners: Set<number> }) | undefined;
  const endRun = (): void => {
    if (run !== undefined) losses.push(...lossesOf(run, [...run.owners], windows));
    run = undefined;
  };
  units.forEach((unit, index) => {
    if (isKept(unit)) {
      endRun();
      return;
    }
    dropped.push(index);
    run = { fromSeq: run?.fromSeq ?? unit.fromSeq, toSeq: unit.toSeq, owners: new Set([...(run?.owners ?? []), ...unit.owners]) };
  });
  endRun();
  return { dropped, losses };
}

/** Who loses a span: those behind its end that receive something of it; one loss for all when that is everybody. */
export function lossesOf(span: Span, owners: readonly number[], windows: readonly Window[]): ConnectionSpan[] {
  const { fromSeq, toSeq } = span;
  const concerned = windows.filter((window) => window.passedSeq < toSeq && (owners.includes(0) || owners.includes(window.connectionId)));
  if (concerned.length === windows.length) return [{ connectionId: 0, fromSeq, toSeq }];
  return concerned.map(({ connectionId }) => ({ connectionId, fromSeq, toSeq }));
}

export interface PlaceInput {
  readonly frameBytes: number;
  readonly headerBytes: number;
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  readonly diskBytes: number;
  readonly diskBytesMax: number | null;
  /** Segments wait to be read: what is newer must go behind them. */
  readonly isSpilling: boolean;
  /** Bytes left in the growing segment; undefined when there is none. */
  readonly segmentRoomBytes: number | undefined;
}

export type Place = "memory" | "segment" | "new-segment" | "nowhere";

export function placeRecord(input: PlaceInput): Place {
  if (!input.isSpilling && input.memoryBytes + input.frameBytes <= input.memoryBytesMax) return "memory";
  const fitsSegment = input.segmentRoomBytes !== undefined && input.frameBytes <= input.segmentRoomBytes;
  const neededBytes = fitsSegment ? input.frameBytes : input.frameBytes + input.headerBytes;
  if (input.diskBytesMax !== null && input.diskBytes + neededBytes > input.diskBytesMax) return "nowhere";
  return fitsSegment ? "segment" : "new-segment";
}
