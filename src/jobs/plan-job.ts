// The plan of a mirror: what it would do, without doing it. A verification compares both sides as that mirror would; what it finds is grouped by
// what would become of it, and what only the target has is counted there. Nothing is changed on either side.
//   verification ─ finding ─▶ action ─▶ tally        only on the target ─▶ counted there ─▶ delete, or stay ─▶ tally

import type { Clock } from "../base/clock.js";
import { type Answer, WHOLE_FILE_BYTES_MAX } from "../model/change.js";
import type { MirrorTree } from "../model/mirror-port.js";
import type { PlanAction, PlanCounts } from "../model/plan.js";
import type { MirrorOrder } from "../model/source-messages.js";
import type { VerifyContent } from "../model/verify.js";
import { ExtraCounts } from "./extra-counts.js";
import { isLeftAlone, isLeftEmpty, isTaken } from "./left-alone.js";
import { PlanTally } from "./plan-tally.js";
import { type VerifyFlagged, VerifyJob, type VerifySeen, type VerifyVerdict } from "./verify-job.js";

export interface PlanJobOptions {
  readonly tree: MirrorTree;
  /** The mirror that is planned. */
  readonly order: Omit<MirrorOrder, "mirrorId">;
  readonly namesMax: number;
  readonly clock?: Clock;
}

export class PlanJob {
  readonly tally: PlanTally;
  readonly #order: PlanJobOptions["order"];
  readonly #verify: VerifyJob;
  readonly #extras: ExtraCounts;
  /** First names that are left alone, something of another type being there (see MirrorJob). */
  readonly #inTheWay = new Set<string>();
  #uncounted = 0;

  constructor({ tree, order, namesMax, clock }: PlanJobOptions) {
    const { connectionId, places, suspect, extras } = order;
    this.tally = new PlanTally(namesMax);
    this.#order = order;
    this.#extras = new ExtraCounts({ connectionId, tree });
    this.#verify = new VerifyJob({
      connectionId,
      content: contentOf(order),
      tree,
      places,
      suspect,
      extras,
      isToRead: (flagged) => this.#isToRead(flagged),
      onFinding: (finding) => this.#take(finding),
      onEqual: (seen) => this.#takeEqual(seen),
      ...(clock === undefined ? {} : { clock }),
    });
  }

  get counts(): PlanCounts {
    const { filesTotal, bytesTotal, files, bytes, directories, unjudged } = this.#verify.tally.counts;
    return { filesTotal, bytesTotal, files, bytes, directories, unjudged, uncounted: this.#uncounted };
  }

  /** False: so much moved meanwhile that some of it may not have been compared. */
  get isWhole(): boolean {
    return this.#verify.isWhole;
  }

  get isDone(): boolean {
    return this.#verify.isDone && this.#extras.size === 0;
  }

  get hasWork(): boolean {
    return this.#extras.hasWork || (!this.#verify.isDone && this.#verify.hasWork) || this.isDone;
  }

  takeAnswer(answer: Answer): boolean {
    return this.#verify.takeAnswer(answer) || this.#extras.takeAnswer(answer);
  }

  /** The answer to `seq` may have been lost with a channel: ask again. */
  askAgain(seq: number): boolean {
    return this.#verify.askAgain(seq) || this.#extras.askAgain(seq);
  }

  /** One bounded piece of work. */
  async step(): Promise<"worked" | "waiting" | "done"> {
    const counted = this.#extras.step();
    if (counted !== null) {
      for (const one of counted) {
        if (one.isPartial) this.#uncounted += 1;
        this.tally.tree(one.isReplaced || this.#order.extras === "remove" ? "delete" : "stay", one, one);
      }
      return "worked";
    }
    if (!this.#verify.isDone && (await this.#verify.step()) === "worked") return "worked";
    return this.isDone ? "done" : "waiting";
  }

  close(): void {
    this.#verify.close();
  }

  /** As the mirror would compare its blocks. */
  #isToRead({ type, source, target }: VerifyFlagged): boolean {
    const { mode, content, newerOnly, missingOnly } = this.#order;
    if (missingOnly === true) return false;
    if (mode === "full" || (newerOnly && isLeftAlone(type, source, target ?? undefined))) return false;
    return content !== "times" || source.size > WHOLE_FILE_BYTES_MAX;
  }

  #take(finding: VerifyVerdict): boolean {
    const { root, path, why, type, source, differingBytes } = finding;
    if (why === "extra") {
      this.#extras.add(root, path, false);
      return false;
    }
    const action = this.#isLeftAlone(finding) ? "leaveAlone" : actionOf(this.#order.mode, finding);
    // What is of another type on the target goes first, with all below it.
    if (why === "type" && action !== "leaveAlone") this.#extras.add(root, path, true);
    const hasBytes = type === "file" && (action === "create" || action === "overwrite" || action === "leaveAlone");
    this.tally.entry(action, finding, hasBytes ? (differingBytes ?? source?.size ?? 0) : 0);
    return false;
  }

  #isLeftAlone({ root, path, why, type, source, target, first }: VerifyVerdict): boolean {
    if (why !== "extra" && isLeftEmpty(this.#order, type, source?.size ?? 0, why)) return true;
    if (this.#order.missingOnly === true) return type !== null && why !== "extra" && isTaken(type, why);
    if (!this.#order.newerOnly || why === "attr" || type === null) return false;
    const isLeft = isLeftAlone(type, source, target ?? undefined);
    if (isLeft && why === "type") this.#inTheWay.add(`${root}:${path}`);
    return isLeft || (first !== null && this.#inTheWay.has(`${root}:${first}`));
  }

  /** A full mirror sends it all the same. */
  #takeEqual({ root, path, type, size, isFurther }: VerifySeen): void {
    if (this.#order.mode !== "full" || type === "dir") return;
    const action = isLeftEmpty(this.#order, type, size, null) ? "leaveAlone" : isFurther ? "relink" : "overwrite";
    this.tally.entry(action, { root, path, type }, isFurther || type !== "file" ? 0 : size);
  }
}

/** As the mirror decides (see MirrorJob), of what it does not leave alone. */
function actionOf(mode: MirrorOrder["mode"], { why, type, first }: VerifyVerdict): PlanAction {
  if (why === "attr" && (mode === "difference" || type === "dir")) return "attributes";
  if (first !== null) return "relink";
  return why === "missing" || why === "type" ? "create" : "overwrite";
}

function contentOf({ mode, content }: PlanJobOptions["order"]): VerifyContent {
  if (mode === "full") return "times";
  return content === "checksum-all" ? "all" : "flagged";
}
