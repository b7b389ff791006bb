// What a receiver has of a file, by place: parts of this file that are parts of its own, at the same offset or at another.

import type { Extent } from "../model/change.js";

export interface FoundPart {
  readonly at: number;
  readonly length: number;
  /** In the receiver's file. */
  readonly from: number;
}

/** What is found beyond them is sent: a file that is full of one short pattern has a part for each time that it comes. */
export const PARTS_MAX = 2 ** 20;

export class FoundParts {
  #parts: { at: number; length: number; from: number }[] = [];
  #isSorted = true;

  /** No two overlap. */
  add(at: number, length: number, from: number): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && last.at + last.length === at && last.from + last.length === from) {
      last.length += length;
      return;
    }
    if (this.#parts.length >= PARTS_MAX) return;
    this.#isSorted &&= last === undefined || last.at < at;
    this.#parts.push({ at, length, from });
  }

  /** By place. */
  get list(): readonly FoundPart[] {
    if (this.#isSorted) return this.#parts;
    const parts = this.#parts.sort((a, b) => a.at - b.at);
    this.#parts = [];
    this.#isSorted = true;
    for (const { at, length, from } of parts) this.add(at, length, from);
    return this.#parts;
  }

  /** Bytes at another offset than in the receiver's file. */
  get movedBytes(): number {
    let bytes = 0;
    for (const { at, length, from } of this.#parts) if (at !== from) bytes += length;
    return bytes;
  }

  /** What the receiver does not have of a file of `size` bytes, with where its own would go on. */
  gaps(size: number): { readonly extent: Extent; readonly expected: number }[] {
    const gaps: { readonly extent: Extent; readonly expected: number }[] = [];
    let at = 0;
    let expected = 0;
    for (const part of this.list) {
      if (part.at > at) gaps.push({ extent: [at, part.at - at], expected });
      at = part.at + part.length;
      expected = part.from + part.length;
    }
    if (at < size) gaps.push({ extent: [at, size - at], expected });
    return gaps;
  }
}
