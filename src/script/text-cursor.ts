// A position in a text that knows its line and column, and only ever moves on.

import type { Place } from "./place.js";

export interface CursorMark {
  readonly offset: number;
  readonly line: number;
  readonly lineStart: number;
}

export class TextCursor {
  readonly text: string;
  #offset = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.text = text;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.text.length;
  }

  /** The character here; "" at the end. */
  get current(): string {
    return this.text[this.#offset] ?? "";
  }

  get place(): Place {
    return { line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  /** Steps over `length` characters and returns them. */
  take(length: number): string {
    const taken = this.text.slice(this.#offset, this.#offset + length);
    for (let index = taken.indexOf("\n"); index >= 0; index = taken.indexOf("\n", index + 1)) {
      this.#line += 1;
      this.#lineStart = this.#offset + index + 1;
    }
    this.#offset += taken.length;
    return taken;
  }

  /** What a sticky pattern finds here, without stepping over it; undefined = nothing, or the empty text. */
  look(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.text)?.[0];
    return found === "" ? undefined : found;
  }

  mark(): CursorMark {
    return { offset: this.#offset, line: this.#line, lineStart: this.#lineStart };
  }

  reset({ offset, line, lineStart }: CursorMark): void {
    this.#offset = offset;
    this.#line = line;
    this.#lineStart = lineStart;
  }
}
