import { closeFd, type FileStat } from "../fs/native.js";
import type { FileTransfer } from "./file-transfer.js";
import type { InPlaceTransfer } from "./in-place-transfer.js";
import type { MovedTransfer } from "./moved-transfer.js";
import type { Inode, Node } from "./node-table.js";
import type { RootTree } from "./root-tree.js";
import type { SetWriter } from "./set-writer.js";
import type { SignatureCache } from "./signature-cache.js";

/** One step of a transfer, with the file opened anew: between steps it may have been renamed. "vanished" ends it, too. */
export function stepTransfer<Step extends "more" | "done" | "asked">(
  tree: RootTree,
  node: Node,
  transfer: { step(...args: Parameters<MovedTransfer["step"]>): Step | number },
  writer: SetWriter,
): Step | "vanished" {
  const dirfd = node.parent === null ? undefined : tree.directoryOf(node.parent);
  if (dirfd === undefined) return "vanished";
  const fd = tree.shipper.open({ dirfd, name: node.name, path: node.path });
  if (typeof fd !== "number") return "vanished";
  try {
    const result = transfer.step(fd, node.path, writer);
    return typeof result === "number" ? "vanished" : result;
  } finally {
    closeFd(fd);
  }
}

/**
 * What a job read is the shipped state of the file only if the file is still as it was last shipped to everyone. Otherwise the receiver
 * has a state between two that were shipped to all, and nothing is known of its blocks.
 */
export function rememberSums(signatures: SignatureCache, inode: Inode, transfer: FileTransfer | MovedTransfer | InPlaceTransfer): void {
  const { sums } = transfer;
  const { stat } = transfer.options;
  const isShipped = !transfer.isTorn && !inode.racy && isAsShipped(inode, stat);
  if (isShipped && sums !== null) signatures.set(inode, sums);
  else signatures.delete(inode);
}

export function isAsShipped(inode: Inode, stat: FileStat): boolean {
  return inode.hasSameCtime(stat) && inode.size === stat.size;
}
