// The one place that draws by Ink: lines in, keys out. Loaded by the live view alone, so that no other command pays for it.

import { Writable } from "node:stream";
import type { Instance, Key } from "ink";
import { createElement, type ReactElement } from "react";
import { CLEAR } from "../watch/alternate-screen.js";
import { lineWidth, type ScreenLine, type Style } from "../watch/screen-line.js";
import type { ScreenSize } from "../watch/watch-lines.js";
import type { WatchKey } from "../watch/watch-model.js";

// Ink draws nothing where these are set, even for a person at a terminal; they are read when it is loaded.
delete process.env.CI;
delete process.env.CONTINUOUS_INTEGRATION;
const { Box, render, Text, useInput } = await import("ink");

export interface ScreenOptions {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly isColored: boolean;
  onKey(key: WatchKey | "leave"): void;
}

/** Heights that a terminal may have at all; Ink would clear the scrollback of a person whose terminal it takes for full. */
const ROWS_UNLIMITED = 100_000;

/** What Ink takes for its terminal: as wide as that one, and high enough for anything. */
class InkOutput extends Writable {
  readonly isTTY = true;
  readonly rows = ROWS_UNLIMITED;
  readonly #output: NodeJS.WriteStream;

  constructor(output: NodeJS.WriteStream) {
    super({ decodeStrings: false });
    this.#output = output;
  }

  get columns(): number {
    return sizeOf(this.#output).columns;
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#output.write(chunk, done);
  }
}

/** A terminal that does not know its size, as over a serial line, is taken for one of the common size. */
function sizeOf({ columns, rows }: NodeJS.WriteStream): ScreenSize {
  return columns > 0 && rows > 0 ? { columns, rows } : { columns: 80, rows: 24 };
}

type Properties = Readonly<Record<string, string | boolean>>;

const COLORED: Readonly<Record<Style, Properties>> = {
  plain: {},
  title: { bold: true },
  dim: { dimColor: true },
  good: { color: "green" },
  bad: { color: "red" },
  chosen: { inverse: true },
};
const COLORLESS: Readonly<Record<Style, Properties>> = { ...COLORED, dim: {}, good: {}, bad: { bold: true } };

interface ViewProperties {
  readonly lines: readonly ScreenLine[];
  readonly isColored: boolean;
  onKey(key: WatchKey | "leave"): void;
}

function View({ lines, isColored, onKey }: ViewProperties): ReactElement {
  useInput((input, key) => onKey(keyOf(input, key)));
  const styles = isColored ? COLORED : COLORLESS;
  const rows = lines.map((spans, index) => {
    const parts = spans.map(({ text, style }, part) => createElement(Text, { key: part, ...styles[style] }, text));
    // A line without any text would have no height.
    return createElement(Text, { key: index, wrap: "truncate-end" }, ...(lineWidth(spans) === 0 ? [" "] : parts));
  });
  return createElement(Box, { flexDirection: "column" }, ...rows);
}

function keyOf(input: string, key: Key): WatchKey | "leave" {
  if (input === "q" || (key.ctrl && input === "c")) return "leave";
  if (key.upArrow || input === "k") return "up";
  if (key.downArrow || input === "j") return "down";
  if (key.return || key.rightArrow) return "enter";
  if (key.escape || key.leftArrow || key.backspace) return "back";
  if (input === "p") return "pause";
  return input === "y" || input === "Y" ? "yes" : "other";
}

export class Screen {
  readonly #options: ScreenOptions;
  readonly #ink: Instance;
  #onResize: () => void = () => undefined;

  constructor(options: ScreenOptions, ink: Instance) {
    this.#options = options;
    this.#ink = ink;
    options.output.on("resize", this.#resized);
  }

  /** Rejects when drawing failed. */
  get ended(): Promise<unknown> {
    return this.#ink.waitUntilExit();
  }

  /** The last row stays free: a line end in it would scroll. */
  get size(): ScreenSize {
    const { columns, rows } = sizeOf(this.#options.output);
    return { columns, rows: Math.max(1, rows - 1) };
  }

  onResize(listener: () => void): void {
    this.#onResize = listener;
  }

  draw(lines: readonly ScreenLine[]): void {
    const { isColored, onKey } = this.#options;
    this.#ink.rerender(createElement(View, { lines, isColored, onKey }));
  }

  close(): void {
    this.#options.output.off("resize", this.#resized);
    this.#ink.unmount();
  }

  readonly #resized = (): void => {
    // What is there was folded by the terminal: it is drawn from nothing.
    this.draw([]);
    this.#options.output.write(CLEAR);
    this.#onResize();
  };
}

export function openScreen(options: ScreenOptions): Screen {
  const { input, output, isColored, onKey } = options;
  const stdout = new InkOutput(output) as unknown as NodeJS.WriteStream;
  const view = createElement(View, { lines: [], isColored, onKey });
  return new Screen(options, render(view, { stdin: input, stdout, exitOnCtrlC: false, patchConsole: false }));
}
