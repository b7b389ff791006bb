// What the live view of `sm status --watch` knows, and how it changes: one pure step for everything that happens.
//   feed (reports, a lost link) ─┐
//   keys ───────────────────────┴─▶ nextWatch ─▶ state ─▶ watch-lines ─▶ screen

import { unreachable } from "../../base/assert.js";
import type { ConnectionReport } from "../../model/status.js";
import { noteValue, type RateWindow } from "../progress/rate-window.js";
import { isOtherAgent, type Look, messagesBetween, type Tone, targetKey, type WatchMessage } from "./watch-message.js";

export const MESSAGES_MAX = 500;

/** Bytes by the connections of this source (`c1`) and of this target (`talpha/1`). */
export type Rates = ReadonlyMap<string, RateWindow>;

/** A deed that waits for a yes. */
export interface Question {
  readonly kind: "pause" | "resume";
  readonly id: number;
}

export interface WatchState {
  readonly look: Look;
  /** When it was taken, by this machine's clock. */
  readonly lookMs: number;
  /** Since when the agent does not answer, and why; null = it answers. */
  readonly lost: { readonly sinceMs: number; readonly why: string } | null;
  readonly rates: Rates;
  /** The oldest first, at most MESSAGES_MAX. */
  readonly messages: readonly WatchMessage[];
  /** Number of the chosen connection; null = there is none. */
  readonly chosen: number | null;
  readonly page: "overview" | "connection";
  /** Lines of the page of one connection that are above the screen. */
  readonly scroll: number;
  readonly question: Question | null;
}

export type WatchKey = "up" | "down" | "enter" | "back" | "pause" | "yes" | "other";

export type WatchEvent =
  | { readonly kind: "look"; readonly look: Look; readonly atMs: number }
  | { readonly kind: "lost"; readonly why: string; readonly atMs: number }
  | { readonly kind: "said"; readonly text: string; readonly tone: Tone; readonly atMs: number }
  | { readonly kind: "key"; readonly key: WatchKey; readonly scrollMax: number };

/** `chosen`: the connection that the view begins with, on its own page. */
export function beginWatch(look: Look, atMs: number, chosen?: number): WatchState {
  return {
    look,
    lookMs: atMs,
    lost: null,
    rates: noteRates(new Map(), look, atMs),
    messages: [],
    chosen: chosen ?? look.report.connections[0]?.id ?? null,
    page: chosen === undefined ? "overview" : "connection",
    scroll: 0,
    question: null,
  };
}

export function nextWatch(state: WatchState, event: WatchEvent): WatchState {
  switch (event.kind) {
    case "look":
      return takeLook(state, event.look, event.atMs);
    case "lost":
      return state.lost === null ? withMessages({ ...state, lost: { sinceMs: event.atMs, why: event.why }, question: null }, [lostMessage(event)]) : state;
    case "said":
      return withMessages(state, [{ atMs: event.atMs, tone: event.tone, text: event.text }]);
    case "key":
      return takeKey(state, event.key, event.scrollMax);
    default:
      return unreachable(event);
  }
}

export function chosenConnection({ look, chosen }: WatchState): ConnectionReport | undefined {
  return look.report.connections.find(({ id }) => id === chosen);
}

function lostMessage({ why, atMs }: { readonly why: string; readonly atMs: number }): WatchMessage {
  return { atMs, tone: "bad", text: `the agent does not answer: ${why}` };
}

function withMessages(state: WatchState, added: readonly WatchMessage[]): WatchState {
  return added.length === 0 ? state : { ...state, messages: [...state.messages, ...added].slice(-MESSAGES_MAX) };
}

function takeLook(state: WatchState, look: Look, atMs: number): WatchState {
  const back: WatchMessage[] = state.lost === null ? [] : [{ atMs, tone: "good", text: "the agent answers again" }];
  const isKept = state.chosen !== null && look.report.connections.some(({ id }) => id === state.chosen);
  const rates = isOtherAgent(state.look.report, look.report) ? new Map() : state.rates;
  const next: WatchState = {
    ...state,
    look,
    lookMs: atMs,
    lost: null,
    rates: noteRates(rates, look, atMs),
    chosen: isKept ? state.chosen : (look.report.connections[0]?.id ?? null),
    page: isKept ? state.page : "overview",
    question: isKept ? state.question : null,
  };
  return withMessages(next, [...back, ...messagesBetween(state.look, look, atMs)]);
}

/** Of what is there now: what went is forgotten. */
function noteRates(rates: Rates, { report }: Look, atMs: number): Rates {
  const counters: readonly (readonly [key: string, value: number])[] = [
    ...report.connections.map(({ id, sentBytes }) => [connectionRateKey(id), sentBytes] as const),
    ...report.targets.map((target) => [targetRateKey(target), target.receivedBytes] as const),
  ];
  return new Map(counters.map(([key, value]) => [key, noteValue(rates.get(key) ?? [], value, atMs)]));
}

export function connectionRateKey(id: number): string {
  return `c${id}`;
}

export function targetRateKey(target: Parameters<typeof targetKey>[0]): string {
  return `t${targetKey(target)}`;
}

function takeKey(state: WatchState, key: WatchKey, scrollMax: number): WatchState {
  // Whatever is not a yes is a no; the yes itself is carried out by whoever sees the question go with it.
  if (state.question !== null) return { ...state, question: null };
  switch (key) {
    case "up":
      return move(state, -1, scrollMax);
    case "down":
      return move(state, 1, scrollMax);
    case "enter":
      return state.chosen === null ? state : { ...state, page: "connection", scroll: 0 };
    case "back":
      return { ...state, page: "overview", scroll: 0 };
    case "pause":
      return { ...state, question: questionOf(state) };
    case "yes":
    case "other":
      return state;
    default:
      return unreachable(key);
  }
}

function move(state: WatchState, step: 1 | -1, scrollMax: number): WatchState {
  if (state.page === "connection") return { ...state, scroll: Math.max(0, Math.min(scrollMax, state.scroll + step)) };
  const ids = state.look.report.connections.map(({ id }) => id);
  const index = ids.indexOf(state.chosen ?? -1) + step;
  return { ...state, chosen: ids[Math.min(ids.length - 1, Math.max(0, index))] ?? null };
}

/** A stop, a halt and a held connection are other matters than a pause, and take their own commands. */
function questionOf(state: WatchState): Question | null {
  const connection = chosenConnection(state);
  if (connection === undefined || state.lost !== null || connection.guard.state === "held") return null;
  if (connection.transmitMode === "Paused") return { kind: "resume", id: connection.id };
  return connection.transmitMode === "Started" || connection.transmitMode === "Scheduled" ? { kind: "pause", id: connection.id } : null;
}
