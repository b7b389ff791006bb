// An acknowledgement as frames within the limits. What is too much for one frame goes ahead in frames that repeat the sequence
// numbers of the acknowledgement before; so the source has every answer about a set before it hears that the set is done.

import type { Answer, OrphanFound } from "../model/change.js";
import type { Ack } from "../model/session.js";
import { ANSWERS_MAX, ackPayloads, encodeAckHeader, INODE_MAX, NAMES_MAX, SUMS_BYTES_MAX, TEXT_MAX } from "./ack-codec.js";
import { encodeFrame } from "./frame-codec.js";

const GROUP_BYTES = 4 * 1024 * 1024;

function encodeAck(ack: Ack): Buffer {
  return encodeFrame(encodeAckHeader(ack), ackPayloads(ack));
}

/** What an acknowledgement says beside its answers. */
export type AckProgress = Omit<Ack, "answers" | "retrying">;

export function encodeAckFrames(ack: Ack, before: AckProgress): Buffer[] {
  const retrying = ack.retrying && { ...ack.retrying, path: ack.retrying.path.slice(0, 8192), message: ack.retrying.message.slice(0, TEXT_MAX) };
  const frames: Buffer[] = [];
  let group: Answer[] = [];
  let groupBytes = 0;
  for (const answer of ack.answers.flatMap(fitAnswer)) {
    const bytes = estimateBytes(answer);
    if (group.length > 0 && (groupBytes + bytes > GROUP_BYTES || group.length >= ANSWERS_MAX)) {
      frames.push(encodeAck({ ...before, answers: group, retrying }));
      group = [];
      groupBytes = 0;
    }
    group.push(answer);
    groupBytes += bytes;
  }
  frames.push(encodeAck({ ...ack, answers: group, retrying }));
  return frames;
}

/** At the limits an answer becomes a coarser truth that is said, never a silent lack. */
function fitAnswer(answer: Answer): readonly Answer[] {
  switch (answer.kind) {
    case "stale":
      return [{ ...answer, reason: answer.reason.slice(0, TEXT_MAX) }];
    case "problem":
      return [{ ...answer, message: answer.message.slice(0, TEXT_MAX) }];
    case "sums":
      // "No such file" makes the source send the whole of it: slow for a file this large, but right.
      return answer.sums.length <= SUMS_BYTES_MAX ? [answer] : [{ ...answer, base: null, sums: Buffer.alloc(0) }];
    case "index":
      // As if it were not there: then it is sent by the sums that were told before.
      return answer.entries.length <= SUMS_BYTES_MAX ? [answer] : [{ ...answer, base: null, entries: Buffer.alloc(0) }];
    case "orphans":
      return [{ ...answer, refused: answer.refused?.slice(0, TEXT_MAX) ?? null, found: answer.found.map(fitOrphan) }];
    case "task":
      return [answer];
    case "compare": {
      if (answer.extras.length <= NAMES_MAX) return [answer];
      const { seq, root, path } = answer;
      const message = `${answer.extras.length - NAMES_MAX} more extra entries of this directory are not listed`;
      return [
        { ...answer, extras: answer.extras.slice(0, NAMES_MAX) },
        { kind: "problem", seq, root, path, code: "REFUSED", message },
      ];
    }
  }
}

function fitOrphan(found: OrphanFound): OrphanFound {
  return found.why === null ? found : { ...found, why: found.why.slice(0, TEXT_MAX) };
}

function estimateBytes(answer: Answer): number {
  const fixed = 64 + answer.path.length * 2;
  switch (answer.kind) {
    case "sums":
      return fixed + answer.sums.length;
    case "index":
      return fixed + answer.entries.length;
    case "stale":
      return fixed + answer.reason.length * 3;
    case "problem":
      return fixed + answer.message.length * 3;
    case "orphans": {
      let bytes = fixed + (answer.refused?.length ?? 0) * 3;
      for (const { name, why } of answer.found) bytes += name.length * 2 + 48 + (why?.length ?? 0) * 3;
      return bytes;
    }
    case "task":
      return fixed + answer.result.runs.reduce((sum, { output, why }) => sum + 3 * (output.length + why.length) + 100, 3 * answer.result.why.length);
    case "compare": {
      let bytes = fixed;
      for (const difference of answer.differs) bytes += difference.name.length * 2 + (difference.found === undefined ? 5 : 40);
      for (const name of answer.extras) bytes += name.length * 2 + 3;
      for (const { name } of answer.shared ?? []) bytes += name.length * 2 + INODE_MAX + 9;
      return bytes;
    }
  }
}
