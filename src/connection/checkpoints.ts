// Keeps on record the last mark of the source of which the target has everything, durably: what a restart goes by.
//   source worker ─ mark ─▶ waits until the target has all of it, and lacks nothing else ─▶ record

import type { CleanMark } from "../model/clean-mark.js";
import type { Welcome } from "../model/session.js";
import type { Checkpoint, ConnectionRecord } from "./connection-record.js";
import { isKnownCopy } from "./known-copy.js";

export interface CheckpointView {
  readonly record: Pick<ConnectionRecord, "checkpoint" | "epoch">;
  readonly durableSeq: number;
  readonly claim: { readonly fromSeq: number | null };
  keep(part: Pick<ConnectionRecord, "checkpoint">, isUrgent: boolean): void;
}

/** Of a source at rest a mark is kept so often, and so long: longer than a mark stays behind its moment. */
const AT_REST_MS = 60_000;
const RESTED_MS = 900_000;

interface Candidate {
  readonly seq: number;
  readonly mark: CleanMark;
}

export class Checkpoints {
  readonly #view: CheckpointView;
  #waiting: Candidate | null = null;
  /** The last that came while another one waited. */
  #next: Candidate | null = null;
  /** Of the first mark since when nothing has changed. */
  #restMs = Number.POSITIVE_INFINITY;

  constructor(view: CheckpointView) {
    this.#view = view;
  }

  take(seq: number, mark: CleanMark | null): void {
    if (mark === null) {
      this.drop();
      return;
    }
    if (this.#waiting === null) this.#waiting = { seq, mark };
    else this.#next = { seq, mark };
    this.look();
  }

  /** The target has more, or lacks less. */
  look(): void {
    const { record, durableSeq, claim } = this.#view;
    for (let each = this.#waiting; each !== null && durableSeq >= each.seq; each = this.#waiting) {
      this.#waiting = this.#next;
      this.#next = null;
      if (claim.fromSeq === null || durableSeq < claim.fromSeq) continue;
      const checkpoint = { epoch: record.epoch, seq: each.seq, mark: each.mark };
      if (this.#isWorthKeeping(record.checkpoint, checkpoint)) this.#view.keep({ checkpoint }, false);
    }
  }

  /** Something is not as a scan would find it: after a restart all is compared. */
  drop(): void {
    this.#waiting = null;
    this.#next = null;
    if (this.#view.record.checkpoint !== null) this.#view.keep({ checkpoint: null }, true);
  }

  /** Of a source at rest only until the last changes are older than the mark by far. */
  #isWorthKeeping(before: Checkpoint | null, now: Checkpoint): boolean {
    const [was, is] = [before?.mark, now.mark];
    const isSame = was?.book.seq === is.book.seq && before?.epoch === now.epoch && before.seq === now.seq;
    if (was === undefined || !isSame || JSON.stringify(was.hot) !== JSON.stringify(is.hot)) {
      this.#restMs = is.untilMs;
      return true;
    }
    return is.untilMs - was.untilMs > AT_REST_MS && was.untilMs - this.#restMs < RESTED_MS;
  }
}

/** Why a scan would not be enough; null = the target is the copy that the checkpoint is about. */
export function whyNoCopy({ checkpoint, epoch }: Pick<ConnectionRecord, "checkpoint" | "epoch">, welcome: Welcome): string | null {
  if (checkpoint === null) return "nothing is known of the time before";
  if (welcome.suspect) return "the target's machine crashed before everything was on its disk";
  if (welcome.empty) return "the target is empty";
  const known = welcome.resumed ? { epoch, appliedSeq: welcome.appliedSeq } : welcome.before;
  return isKnownCopy(known, checkpoint) ? null : "the target is not known to be the copy that it was";
}
