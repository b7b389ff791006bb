// What a mirror by hand would be ordered to do, for its plan.

import { SmError } from "../base/errors.js";
import { mirrorOrder } from "../connection/mirror-order.js";
import { needByHand } from "../connection/resume-plan.js";
import type { SourceConnection } from "../connection/source-connection.js";
import type { MirrorWish } from "../model/mirror-wish.js";
import type { MirrorOrder } from "../model/source-messages.js";
import { withPlainPaths } from "./mirror-paths.js";

/** Throws JOB_CONFLICT or UNSUPPORTED where the target cannot be asked, USAGE for paths that are not of the set. */
export function planOrder({ id, record, channel }: SourceConnection, wish: MirrorWish): Omit<MirrorOrder, "mirrorId"> {
  if (channel === null) throw new SmError("JOB_CONFLICT", `connection ${id} is not connected to its target: a plan is made with both sides`);
  if (!channel.sweepsOrphans) throw new SmError("UNSUPPORTED", `the target of connection ${id} is of a version that does not count what only it has`);
  const plain = withPlainPaths(
    wish,
    record.roots.map(({ path }) => path),
  );
  const need = needByHand(record.mirrorNeed, plain, new Date().toISOString());
  const { mirrorId: _, ...order } = mirrorOrder({
    connectionId: id,
    mirrorId: 0,
    mode: wish.mode,
    need,
    isSized: false,
    extras: need.extras,
    roots: record.roots,
  });
  return order;
}
