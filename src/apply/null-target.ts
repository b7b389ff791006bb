// A target that keeps nothing: acknowledges each set as applied and durable, and answers what a source asks as an empty target would
// until it was mirrored, and from then on as one that has all that the source has not called suspect.

import { unreachable } from "../base/assert.js";
import type { Answer, Change, CompareChange, Difference } from "../model/change.js";
import { decodeChangeSet } from "../model/change-set.js";
import type { Ack } from "../model/session.js";
import { SIMULATION_WORDS } from "../model/simulation.js";

export interface NullTargetOptions {
  /** All of the source was sent once. */
  readonly isMirrored: () => boolean;
  /** Told of each set as it came. The bytes are not to be kept. */
  readonly onSet: (bytes: Buffer, isMirror: boolean) => void;
}

export class NullTarget {
  readonly #options: NullTargetOptions;
  readonly #sinceMs = Date.now();

  constructor(options: NullTargetOptions) {
    this.#options = options;
  }

  /** Throws PROTOCOL when the frame is no change set. */
  take(frame: Buffer): Ack {
    const set = decodeChangeSet(frame);
    this.#options.onSet(frame, set.mirror);
    const { seq, sourceTimeMs } = set;
    return {
      ...{ appliedSeq: seq, durableSeq: seq, takenSeq: seq },
      answers: set.changes.flatMap((change) => this.#answer(change, seq)),
      retrying: null,
      ...{ consistentSeq: seq, consistentTimeMs: sourceTimeMs },
      doubt: { code: "NOT_A_COPY", message: SIMULATION_WORDS, sinceMs: this.#sinceMs },
    };
  }

  #answer(change: Change, seq: number): readonly Answer[] {
    const { root, path } = change;
    switch (change.op) {
      case "compare":
        return [{ kind: "compare", seq, root, path, differs: this.#differences(change), extras: [], removed: 0 }];
      case "sums":
        return [{ kind: "sums", seq, root, path, base: null, sums: Buffer.alloc(0) }];
      case "index":
        return [{ kind: "index", seq, root, path, base: null, canRebuild: false, entries: Buffer.alloc(0) }];
      case "orphans":
        return [{ kind: "orphans", seq, root, path, total: 0, found: [], next: null, refused: SIMULATION_WORDS }];
      case "task":
        return [{ kind: "task", seq, root, path, result: { number: change.number, outcome: "discarded", why: SIMULATION_WORDS, runs: [] } }];
      case "dir":
      case "file":
      case "rebuild":
      case "symlink":
      case "special":
      case "link":
      case "attr":
      case "rename":
      case "remove":
        return [];
      default:
        return unreachable(change);
    }
  }

  #differences({ entries, meta }: CompareChange): Difference[] {
    if (!this.#options.isMirrored()) {
      const missing = entries.map(({ name }): Difference => ({ name, why: "missing" }));
      return meta === null ? missing : [...missing, { name: "", why: "attr" }];
    }
    return entries.filter(({ suspect }) => suspect).map(({ name }) => ({ name, why: "content" }));
  }
}
