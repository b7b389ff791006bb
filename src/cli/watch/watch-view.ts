// The live view of `sm status --watch` from its first look to its end: joins feed, model and screen.

import { SmError } from "../../base/errors.js";
import type { AgentApi } from "../agent-api.js";
import { hangUp } from "../hang-up.js";
import { enterAlternateScreen } from "./alternate-screen.js";
import { feedWatch } from "./watch-feed.js";
import { scrollMax, watchLines } from "./watch-lines.js";
import type { Look } from "./watch-message.js";
import { beginWatch, nextWatch, type Question, type WatchEvent, type WatchKey } from "./watch-model.js";

export interface WatchViewOptions {
  readonly api: AgentApi;
  readonly first: Look;
  /** A connection that the view begins with. */
  readonly chosen: number | undefined;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly isColored: boolean;
  /** Ends the view. */
  readonly signal: AbortSignal;
}

/** Clocks and rates go on between two reports. */
const TICK_MS = 1_000;

/** Resolves when the person leaves, or the signal aborts; the terminal is then as it was before. */
export async function watchView(options: WatchViewOptions): Promise<void> {
  const { api, input, output, isColored } = options;
  const { openScreen } = await import("../screen/screen.js");
  const end = new AbortController();
  const signal = AbortSignal.any([end.signal, options.signal]);
  let state = beginWatch(options.first, Date.now(), options.chosen);
  const leave = enterAlternateScreen(output);
  const screen = openScreen({ input, output, isColored, onKey });
  const size = () => screen.size;
  const draw = (): void => screen.draw(watchLines(state, size(), Date.now()));
  function take(event: WatchEvent): void {
    state = nextWatch(state, event);
    if (!signal.aborted) draw();
  }
  function onKey(key: WatchKey | "leave"): void {
    if (key === "leave") {
      end.abort();
      return;
    }
    const { question } = state;
    take({ kind: "key", key, scrollMax: scrollMax(state, size()) });
    if (question !== null && key === "yes") void carryOut(api, question, take);
  }
  screen.onResize(draw);
  // A terminal that cannot be read is closed.
  input.once("error", hangUp);
  const ticks = setInterval(draw, TICK_MS);
  try {
    draw();
    await Promise.race([feedWatch({ api, signal, emit: take }, options.first), screen.ended, aborted(signal)]);
  } finally {
    clearInterval(ticks);
    input.off("error", hangUp);
    end.abort();
    screen.close();
    leave();
  }
}

async function carryOut(api: AgentApi, { kind, id }: Question, take: (event: WatchEvent) => void): Promise<void> {
  try {
    await api.call(kind === "pause" ? "transmission.pause" : "transmission.resume", { id });
  } catch (error) {
    if (!(error instanceof SmError)) throw error;
    take({ kind: "said", tone: "bad", text: `${kind} of connection ${id}: ${error.code}: ${error.message}`, atMs: Date.now() });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
