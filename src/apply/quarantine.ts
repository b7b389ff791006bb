// Paths that refused a change (immutable, no permission, busy). Nothing waits for them: what follows is tried as it comes,
// and what does not fit is not told. A path leaves the list only when the source has compared it after its last refusal, so
// no old change is ever applied out of order (ADR 0021).
//   refused ─▶ held ─ask─▶ asked ─mended─▶ gone        asked ─refused again, renamed─▶ held
//                └─drop─▶ dropped ─mirror, mended─▶ gone
// Bounded: beyond the limit there is one entry for all, which takes a mirror.

import { join } from "node:path";
import { type BytePath, isBelow, ROOT_PATH } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import type { HeardClaim } from "./consistency.js";
import { type KeptPath, QuarantineFile } from "./quarantine-file.js";

const PATHS_MAX = 1000;

export interface HeldPath extends KeptPath {
  path: BytePath;
  at: BytePath;
  code: string;
  message: string;
  isWide: boolean;
  isDropped: boolean;
  /** Retries that were refused again. */
  attempts: number;
  /** Of the last refusal. */
  refusedMs: number;
  /** When the source is asked to look again. */
  nextMs: number;
  /** By hand, or because something went through: asked whether or not it still refuses. */
  isHurried: boolean;
  /** Number under which the source was asked; 0 = it was not. */
  ask: number;
}

export interface Refused {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly at: BytePath;
  readonly code: string;
  readonly message: string;
  readonly isWide: boolean;
}

export interface QuarantineTiming {
  /** Of the next retry after this many. */
  readonly waitMs: (attempts: number, heldMs: number) => number;
}

export class Quarantine {
  readonly #file: QuarantineFile;
  readonly #held = new Map<string, HeldPath>();
  #lastId = 0;
  #lastAsk = 0;
  /** Grows with everything that is told of it. */
  version = 0;

  private constructor(file: QuarantineFile) {
    this.#file = file;
  }

  static open(path: string): Quarantine {
    const { file, kept } = QuarantineFile.open(path);
    const quarantine = new Quarantine(file);
    for (const entry of kept) quarantine.#held.set(keyOf(entry.root, entry.path), { ...entry, ...UNASKED });
    quarantine.#lastId = kept.reduce((last, { id }) => Math.max(last, id), 0);
    return quarantine;
  }

  get size(): number {
    return this.#held.size;
  }

  get all(): readonly HeldPath[] {
    return [...this.#held.values()];
  }

  /** The last number under which anything was asked or dropped. */
  get lastAsk(): number {
    return this.#lastAsk;
  }

  at(root: RootIndex, path: BytePath): HeldPath | undefined {
    return this.#held.get(keyOf(root, path));
  }

  /** While anything is held, the target is no copy, whatever the source said last. */
  claimOver<Claim extends HeardClaim>(claim: Claim): Claim {
    const [first] = this.#held.values();
    return first === undefined ? claim : { ...claim, fromSeq: null, why: whyOf(this.#held.size, first), sinceMs: first.sinceMs };
  }

  hold(refused: Refused, nowMs: number, { waitMs }: QuarantineTiming): void {
    const isFull = this.#held.size >= PATHS_MAX && this.at(refused.root, refused.path) === undefined;
    const { root, path, at, code, message, isWide } = isFull ? { ...refused, path: ROOT_PATH, isWide: true } : refused;
    const before = this.at(root, path);
    if (before === undefined) {
      this.#lastId += 1;
      const state = { id: this.#lastId, sinceMs: nowMs, isDropped: false, ...UNASKED, refusedMs: nowMs, nextMs: nowMs + pause(waitMs(0, 0), isWide) };
      this.#set({ root, path, at, code, message, isWide, ...state });
      return;
    }
    const attempts = before.ask > 0 ? before.attempts + 1 : before.attempts;
    const nextMs = before.ask > 0 || before.isDropped ? nowMs + pause(waitMs(attempts, nowMs - before.sinceMs), before.isWide) : before.nextMs;
    const after = { ...before, at, code, message, isWide: before.isWide || isWide, isDropped: false };
    const isNews = attempts !== before.attempts || before.isDropped || code !== before.code || after.isWide !== before.isWide;
    before.refusedMs = nowMs;
    if (isNews) this.#set({ ...after, attempts, refusedMs: nowMs, nextMs, isHurried: false, ask: 0 });
  }

  /** Something went through on exactly this path: the reason may be gone. It may be one of several, so this is no reason to hurry for ever. */
  wentThrough(root: RootIndex, path: BytePath): void {
    const entry = this.at(root, path);
    if (entry === undefined || entry.ask > 0 || entry.isDropped) return;
    entry.nextMs = Math.min(entry.nextMs, entry.refusedMs + (entry.isWide ? MIRROR_PAUSE_MS : SETTLE_MS));
  }

  /** Names elsewhere may lack what it lacks: its repair takes a mirror. */
  widen(root: RootIndex, path: BytePath): void {
    const entry = this.at(root, path);
    if (entry !== undefined && !entry.isWide)
      this.#set({ ...entry, ...UNASKED, refusedMs: entry.refusedMs, nextMs: entry.refusedMs + MIRROR_PAUSE_MS, isWide: true, isDropped: false });
  }

  hurry(entry: HeldPath): void {
    entry.nextMs = 0;
    entry.isHurried = true;
  }

  /** What was there went. */
  replaced(root: RootIndex, path: BytePath): void {
    for (const entry of this.#under(root, path)) this.wentThrough(root, entry.path);
  }

  moved(root: RootIndex, path: BytePath, to: BytePath): void {
    this.replaced(root, to);
    for (const entry of this.#under(root, path)) {
      const moved = (to + entry.path.slice(path.length)) as BytePath;
      const other = this.at(root, moved);
      this.#remove(entry);
      if (other !== undefined) this.#remove(other);
      const isWide = entry.isWide || other?.isWide === true;
      this.#set({ ...entry, path: moved, isWide, isDropped: false, ...UNASKED });
    }
  }

  /** The source is asked about these from now on, under one number. */
  ask(entries: readonly HeldPath[]): void {
    if (entries.length === 0) return;
    this.#lastAsk += 1;
    for (const entry of entries) entry.ask = this.#lastAsk;
    this.version += 1;
  }

  /** It still refuses, as one could see without asking. */
  putOff(entry: HeldPath, nowMs: number, { waitMs }: QuarantineTiming): void {
    entry.attempts += 1;
    entry.nextMs = nowMs + pause(waitMs(entry.attempts, nowMs - entry.sinceMs), entry.isWide);
    this.version += 1;
  }

  /** Given up: the source owes a mirror. */
  drop(entries: readonly HeldPath[]): void {
    this.#lastAsk += 1;
    for (const entry of entries) this.#set({ ...entry, isDropped: true, isHurried: false, ask: this.#lastAsk });
  }

  /** The source has cared for everything asked under a number up to this one, and what it sent for that is applied. */
  mended(ask: number): void {
    for (const entry of this.#held.values()) if (entry.ask > 0 && entry.ask <= ask) this.#remove(entry);
  }

  /** Another channel: nobody there was asked. What was dropped is told again. */
  forgetAsks(): void {
    for (const entry of this.#held.values()) Object.assign(entry, UNASKED);
    this.#lastAsk = 0;
    const dropped = this.all.filter(({ isDropped }) => isDropped);
    if (dropped.length > 0) this.drop(dropped);
    this.version += 1;
  }

  flush(): void {
    this.#file.flush();
  }

  sync(): void {
    this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }

  #under(root: RootIndex, path: BytePath): readonly HeldPath[] {
    return this.all.filter((entry) => entry.root === root && isBelow(entry.path, path));
  }

  #set(entry: HeldPath): void {
    this.#held.set(keyOf(entry.root, entry.path), entry);
    this.#file.put(entry);
    this.version += 1;
  }

  #remove(entry: HeldPath): void {
    if (!this.#held.delete(keyOf(entry.root, entry.path))) return;
    this.#file.gone(entry.id);
    this.version += 1;
  }
}

const SETTLE_MS = 2000;
/** A mirror looks at everything: not more often than this for one path. */
const MIRROR_PAUSE_MS = 10_000;
const UNASKED = { attempts: 0, refusedMs: 0, nextMs: 0, isHurried: false, ask: 0 } as const;

function pause(waitMs: number, isWide: boolean): number {
  return isWide ? Math.max(waitMs, MIRROR_PAUSE_MS) : waitMs;
}

export function quarantinePath(stateDirectory: string): string {
  return join(stateDirectory, "quarantine");
}

function keyOf(root: RootIndex, path: BytePath): string {
  return `${root}:${path}`;
}

export function whyOf(count: number, { message }: Pick<KeptPath, "message">): string {
  return count === 1 ? `one path is in quarantine: ${message}` : `${count} paths are in quarantine; the first: ${message}`;
}
