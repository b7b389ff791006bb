// A file that a job sends in steps, as the job sees it.

import type { FileStat } from "../fs/native.js";
import type { MirrorTransfer } from "../model/mirror-port.js";
import { FileTransfer } from "./file-transfer.js";
import type { InPlaceTransfer } from "./in-place-transfer.js";
import type { MovedTransfer } from "./moved-transfer.js";
import type { Inode, Node } from "./node-table.js";
import type { RootTree } from "./root-tree.js";
import type { SignatureCache } from "./signature-cache.js";
import type { SourceEngine } from "./source-engine.js";
import { stepTransfer } from "./transfer-step.js";

/** `isTold`: whether everything that was done to the file since was told. */
export function mirrorTransfer(
  engine: SourceEngine,
  connectionId: number,
  tree: RootTree,
  node: Node,
  transfer: FileTransfer | MovedTransfer | InPlaceTransfer,
  isTold: () => boolean,
): MirrorTransfer {
  return {
    get sentBytes() {
      return transfer.sentBytes;
    },
    get readBytes() {
      return transfer.offset;
    },
    get path() {
      return node.path;
    },
    get askedSeq() {
      return transfer instanceof FileTransfer ? 0 : transfer.askedSeq;
    },
    get isRebuild() {
      return transfer instanceof FileTransfer ? false : transfer.isRebuild;
    },
    take(answer) {
      if (!(transfer instanceof FileTransfer)) transfer.take(answer);
    },
    step() {
      engine.writer.direct(connectionId, true);
      const result = stepTransfer(tree, node, transfer, engine.writer);
      if (result === "done") rememberSums(engine.signatures, node.inode, transfer);
      // What was sent is a mixture: times that look unchanged must not hide that. What is told of its writes makes it good.
      if (transfer.isTorn && (transfer.isCut || result !== "done" || !isTold())) engine.live.suspect(tree, node.inode);
      else if (result === "done" && isTold() && !isAsShipped(node.inode, transfer.options.stat)) engine.live.makeGood(tree, node.inode);
      return result;
    },
  };
}

/**
 * What a job read is the shipped state of the file only if the file is still as it was last shipped to everyone. Otherwise the receiver
 * has a state between two that were shipped to all, and nothing is known of its blocks.
 */
function rememberSums(signatures: SignatureCache, inode: Inode, transfer: FileTransfer | MovedTransfer | InPlaceTransfer): void {
  const { sums } = transfer;
  const { stat } = transfer.options;
  const isShipped = !transfer.isTorn && !inode.racy && isAsShipped(inode, stat);
  if (isShipped && sums !== null) signatures.set(inode, sums);
  else signatures.delete(inode);
}

function isAsShipped(inode: Inode, stat: FileStat): boolean {
  return inode.hasSameCtime(stat) && inode.size === stat.size;
}
