import { closeFd } from "../fs/native.js";
import type { MovedTransfer } from "./moved-transfer.js";
import type { Node } from "./node-table.js";
import type { RootTree } from "./root-tree.js";
import type { SetWriter } from "./set-writer.js";

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
