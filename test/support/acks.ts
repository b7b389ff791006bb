// Acknowledgements as literals: what is not named is as on a target that has applied all it took, and was never a copy.

import type { Ack } from "../../src/model/session.js";
import type { AckProgress } from "../../src/transport/ack-frames.js";

export function progressOf(part: Partial<AckProgress> = {}): AckProgress {
  const { appliedSeq = 0 } = part;
  return { appliedSeq, durableSeq: appliedSeq, takenSeq: appliedSeq, consistentSeq: 0, consistentTimeMs: 0, doubt: null, ...part };
}

export function ackOf(part: Partial<Ack>): Ack {
  const { answers = [], retrying = null, ...progress } = part;
  return { ...progressOf(progress), answers, retrying };
}
