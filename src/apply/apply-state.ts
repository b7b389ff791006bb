// The persistent side of one connection's applying: cursor, durable point, answers, foreign names.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AnswerLog } from "./answer-log.js";
import { CursorFile } from "./cursor-file.js";
import { type DurableState, readBootId, readDurable, writeDurable } from "./durable-file.js";
import { ForeignList } from "./foreign-list.js";

/** File times are taken from a clock that ticks, and servers set their clocks: a margin on both sides. */
const SUSPECT_MARGIN_MS = 2000;

export class ApplyState {
  readonly cursor: CursorFile;
  readonly answers: AnswerLog;
  readonly foreign: ForeignList;
  readonly bootId: string;
  readonly durablePath: string;
  #durable: DurableState;

  private constructor(cursor: CursorFile, answers: AnswerLog, foreign: ForeignList, bootId: string, durablePath: string, durable: DurableState) {
    this.cursor = cursor;
    this.answers = answers;
    this.foreign = foreign;
    this.bootId = bootId;
    this.durablePath = durablePath;
    this.#durable = durable;
  }

  static open(stateDirectory: string, nowMs: number, bootId: string = readBootId()): ApplyState {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    const durablePath = join(stateDirectory, "durable.json");
    const found = readDurable(durablePath);
    const isCrashed = found !== null && found.bootId !== bootId && !found.clean;
    const durable = found === null ? firstState(nowMs, bootId) : isCrashed ? afterCrash(found, nowMs, bootId) : { ...found, bootId };
    const cursor = CursorFile.open(join(stateDirectory, "cursor"));
    // The cursor itself is never synced: after a crash of the machine only the durable point is true.
    if (found !== null && found.bootId !== bootId) cursor.write({ epoch: found.epoch, appliedSeq: found.durableSeq, intent: null });
    if (found === null || found.bootId !== bootId) writeDurable(durablePath, durable);
    const answers = AnswerLog.open(stateDirectory);
    return new ApplyState(cursor, answers, ForeignList.open(join(stateDirectory, "foreign")), bootId, durablePath, durable);
  }

  get durable(): DurableState {
    return this.#durable;
  }

  /** Takes note of what the durability worker wrote, or writes it. */
  setDurable(durable: DurableState, write: boolean): void {
    if (write) writeDurable(this.durablePath, durable);
    this.#durable = durable;
  }

  close(): void {
    this.foreign.flush();
    this.foreign.close();
    this.answers.close();
    this.cursor.close();
  }
}

function firstState(nowMs: number, bootId: string): DurableState {
  return { epoch: "", durableSeq: 0, wallTimeMs: nowMs, bootId, clean: true, suspect: null, suspectPending: false };
}

function afterCrash(found: DurableState, nowMs: number, bootId: string): DurableState {
  const fromMs = Math.min(found.suspect?.fromMs ?? Number.POSITIVE_INFINITY, found.wallTimeMs - SUSPECT_MARGIN_MS);
  return { ...found, bootId, suspect: { fromMs, untilMs: nowMs + SUSPECT_MARGIN_MS }, suspectPending: true };
}
