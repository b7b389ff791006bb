// The persistent side of one connection's applying: cursor, durable point, answers, foreign names, quarantine, the source's claim.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AnswerLog } from "./answer-log.js";
import type { DurablePoint } from "./apply-outcome.js";
import { type KeptClaim, readClaim, UNHEARD, writeClaim } from "./claim-file.js";
import { NO_CONSISTENCY } from "./consistency.js";
import { CursorFile } from "./cursor-file.js";
import { type DurableState, inClock, REACH_MS, readBootId, readDurable, uptimeMs, writeDurable } from "./durable-file.js";
import { ForeignList } from "./foreign-list.js";
import { Quarantine, quarantinePath } from "./quarantine.js";

/** File times are taken from a clock that ticks, and servers set their clocks: a margin on both sides. */
const SUSPECT_MARGIN_MS = 2000;

export class ApplyState {
  readonly cursor: CursorFile;
  readonly answers: AnswerLog;
  readonly foreign: ForeignList;
  readonly quarantine: Quarantine;
  readonly bootId: string;
  readonly durablePath: string;
  readonly #stateDirectory: string;
  #durable: DurableState;
  #claim: KeptClaim;

  private constructor(stateDirectory: string, cursor: CursorFile, bootId: string, durable: DurableState) {
    this.#stateDirectory = stateDirectory;
    this.cursor = cursor;
    this.answers = AnswerLog.open(stateDirectory);
    this.foreign = ForeignList.open(join(stateDirectory, "foreign"));
    this.quarantine = Quarantine.open(quarantinePath(stateDirectory));
    this.bootId = bootId;
    this.durablePath = join(stateDirectory, "durable.json");
    this.#durable = durable;
    this.#claim = readClaim(stateDirectory);
  }

  static open(stateDirectory: string, nowMs: number, bootId: string = readBootId()): ApplyState {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    const durablePath = join(stateDirectory, "durable.json");
    const found = readDurable(durablePath);
    const isCrashed = found !== null && found.bootId !== bootId && !found.clean;
    const durable = found === null ? firstState(nowMs, bootId) : isCrashed ? afterCrash(found, nowMs, bootId) : { ...found, bootId };
    const cursor = CursorFile.open(join(stateDirectory, "cursor"));
    // The cursor itself is never synced: after a crash of the machine only the durable point is true.
    if (found !== null && found.bootId !== bootId) {
      const isSame = !isCrashed && cursor.state.epoch === found.epoch && cursor.state.appliedSeq === found.durableSeq;
      const consistency = isSame ? cursor.state.consistency : NO_CONSISTENCY;
      cursor.write({ epoch: found.epoch, appliedSeq: found.durableSeq, intent: null, consistency });
    }
    if (isCrashed) writeClaim(stateDirectory, { ...UNHEARD, why: "the target's machine crashed before everything was on its disk", sinceMs: nowMs });
    if (found === null || found.bootId !== bootId) writeDurable(durablePath, durable);
    return new ApplyState(stateDirectory, cursor, bootId, durable);
  }

  get durable(): DurableState {
    return this.#durable;
  }

  /** Takes note of what the durability worker wrote, or writes it. */
  setDurable(durable: DurableState, write: boolean): void {
    if (write) writeDurable(this.durablePath, durable);
    this.#durable = durable;
  }

  /** The span of time in which files are written, should the machine crash: on record before they are, however the clock was set since. */
  beforeWriting(nowMs: number): void {
    const { clean, wallTimeMs, reachMs = 0 } = this.#durable;
    if (!clean && wallTimeMs <= nowMs && nowMs + REACH_MS / 2 <= reachMs) return;
    this.setDurable(inClock({ ...this.#durable, clean: false }, nowMs, 0), true);
  }

  /** What is durable once all that is applied now is synced. */
  pointAt(nowMs: number): Pick<DurablePoint, "state" | "last" | "durablePath" | "madeMs"> {
    const { epoch, appliedSeq } = this.cursor.state;
    const state: DurableState = { ...this.#durable, epoch, durableSeq: appliedSeq, wallTimeMs: nowMs, reachMs: nowMs + REACH_MS, clean: false };
    return { state, last: this.#durable, durablePath: this.durablePath, madeMs: uptimeMs() };
  }

  /** The durability worker wrote this. */
  synced(state: DurableState): void {
    const { epoch, bootId, suspect, suspectPending } = this.#durable;
    this.#durable = { ...state, epoch, bootId, suspect, suspectPending };
  }

  get claim(): KeptClaim {
    return this.#claim;
  }

  setClaim(claim: KeptClaim): void {
    writeClaim(this.#stateDirectory, claim);
    this.#claim = claim;
  }

  close(): void {
    this.foreign.flush();
    this.foreign.close();
    this.quarantine.flush();
    this.quarantine.close();
    this.answers.close();
    this.cursor.close();
  }
}

function firstState(nowMs: number, bootId: string): DurableState {
  return { epoch: "", durableSeq: 0, wallTimeMs: nowMs, bootId, clean: true, suspect: null, suspectPending: false };
}

function afterCrash(found: DurableState, nowMs: number, bootId: string): DurableState {
  const fromMs = Math.min(found.suspect?.fromMs ?? Number.POSITIVE_INFINITY, found.wallTimeMs - SUSPECT_MARGIN_MS);
  const untilMs = Math.max(found.suspect?.untilMs ?? 0, nowMs, found.reachMs ?? 0) + SUSPECT_MARGIN_MS;
  return { ...found, bootId, suspect: { fromMs, untilMs }, suspectPending: true };
}
