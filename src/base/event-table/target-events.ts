// The target: who replicates to it, what it cannot write.

import { error, info, warn } from "./entry.js";

export const TARGET_EVENTS = {
  connectionRequest: info(72, null, "Connection request from {source}: connection {connection} of {repset}", "A source asks to replicate to this server."),
  sourceLeft: info(
    20701,
    null,
    "The link of {source} is over: connection {connection} of {repset}: {reason}",
    "What was received is applied; the source dials again when it has something to send.",
  ),
  sourceForgotten: info(
    20702,
    null,
    "{repset} from {source} was disconnected: what was kept of it is forgotten, its data stays",
    "Its source ended the connection, or a person forgot it here.",
  ),
  targetFailed: error(
    20703,
    20703,
    "The target of {repset} from {source} failed: {reason}",
    "It cannot apply what the source sends.",
    "Remove what the message names; the source tries again by itself.",
  ),
  targetPaused: info(
    20704,
    4026,
    "The target has been paused: {what}",
    "A person paused it: nothing is applied, and the sources keep their changes.",
    "`sm target resume`",
  ),
  targetResumed: info(20705, 4027, "The target has been resumed: {what}", "A person resumed it."),
  targetFull: warn(
    102,
    4110,
    "Target full! {reason}",
    "The volume, or a quota, of the target is full. It is tried again until there is room.",
    "Free space on the target's volume.",
  ),
  targetBusy: warn(
    20711,
    4111,
    "Target cannot write: in use by another program: {reason}",
    "It is tried again, with growing delays.",
    "End what uses the file.",
  ),
  targetDenied: warn(
    20712,
    4112,
    "Target cannot write: access denied: {reason}",
    "It is tried again, with growing delays.",
    "See the permissions, the attribute `i` (lsattr), and whether the volume is read-only.",
  ),
  targetUnwritable: warn(
    20713,
    4113,
    "Target cannot write: {reason}",
    "It is tried again, with growing delays.",
    "See the message, and the kernel's log for the disk.",
  ),
  targetWrote: info(20714, 4120, "Target goes on: {what}", "What could not be written was written."),
  targetGaveUp: error(
    20715,
    4150,
    "{count} paths are given up for now and need a person: see `sm quarantine list`; the first held: {reason}",
    "They refused for longer than `apply.retryLimitSeconds`; everything else goes on.",
    "Release the file, then `sm quarantine retry`.",
  ),
  targetStalled: warn(
    20716,
    4155,
    "The target does not apply: {reason}",
    "A call to its file system does not return.",
    "See the volume; then mirror or verify with repair.",
  ),
  targetMoves: info(20717, null, "The target applies again", "The call returned."),
  stageFailed: warn(
    20718,
    20718,
    "The stage cannot be written ({reason}): states are applied in parts",
    "Its volume is full or read-only.",
    "Free space below the state directory.",
  ),
  stageWorks: info(20719, null, "The stage can be written again", "States are applied as one again."),
  stagedApplied: info(20720, null, "What was staged of {repset} from {source} is applied", "The agent ended while it was applied."),
} as const;
