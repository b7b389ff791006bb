// What a connection that does not move waits for, in words.

import { displayPath } from "../model/byte-path.js";

/**
 * link: the network takes nothing of what was sent; silent: nothing comes from the target, not even heartbeats; target: it is there and
 * acknowledges nothing; disk: it has applied all, and its disk has not confirmed; closing: it holds a state that the source has not
 * completed; sender: what is queued does not go; mirror, repairs: the source worker ships nothing.
 */
export type StallKind = "link" | "silent" | "target" | "disk" | "closing" | "sender" | "mirror" | "repairs";

export interface StallFacts {
  readonly peer: string;
  readonly sentSeq: number;
  readonly appliedSeq: number;
  readonly durableSeq: number;
  readonly lastSeq: number;
  readonly lastFile: string;
  readonly forMs: number;
}

export function stallMessage(kind: StallKind, { peer, sentSeq, appliedSeq, durableSeq, lastSeq, lastFile, forMs }: StallFacts): string {
  const time = `${Math.round(forMs / 1000)} s`;
  const place = `change set ${appliedSeq} of ${sentSeq} sent was applied last`;
  switch (kind) {
    case "link":
      return `neither the network nor ${peer} has taken anything for ${time}, though ${peer} is heard: ${place}`;
    case "silent":
      return `nothing has come from ${peer} for ${time}, not even a heartbeat: its agent or its machine does not run, or the network is cut; ${place}`;
    case "target":
      return `${peer} sends heartbeats and has acknowledged nothing for ${time}: ${place}`;
    case "disk":
      return `${peer} has not confirmed for ${time} that its disk has what was applied: change set ${durableSeq} of ${appliedSeq} is durable`;
    case "closing":
      return `${peer} holds change sets ${appliedSeq + 1} to ${sentSeq} for ${time}: the source has not sent what completes them`;
    case "sender":
      return `what is queued has not been sent for ${time}: change set ${sentSeq} of ${lastSeq} went last`;
    case "mirror":
      return `the mirror has not moved for ${time}: the source worker reads nothing${atFile(lastFile)}`;
    case "repairs":
      return `the repair of what may differ has not moved for ${time}: the source worker reads nothing${atFile(lastFile)}`;
  }
}

function atFile(lastFile: string): string {
  return lastFile === "" ? "" : `; the last file was ${displayPath(lastFile)}`;
}

export function stallNext(kind: StallKind, { isRemedied, remedies }: { readonly isRemedied: boolean; readonly remedies: number }): string {
  const times = remedies === 0 ? "" : `; that was done ${remedies === 1 ? "once" : `${remedies} times`}`;
  if (kind === "silent") return "a link on which nothing comes is given up, and opened again; changes are queued meanwhile";
  if (kind === "closing") return `if it lasts, the source is asked to complete them${times}`;
  if (isRemedied) return `if it lasts, the channel is closed and opened again, at most every 5 minutes${times}; changes are queued meanwhile`;
  return "goes on by itself when the source can be read again; if not, look at the source volume and the log, then restart the agent: nothing is lost";
}
