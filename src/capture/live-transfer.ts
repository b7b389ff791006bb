// Ships one large file to every receiver while it may be written to. Where each write is told with its range, what was written during the
// reading is shipped next, and nothing of it is in doubt; elsewhere a file that changed meanwhile is looked at again.

import type { Credits } from "./credits.js";
import type { FactInbox } from "./fact-inbox.js";
import type { FileTransfer } from "./file-transfer.js";
import type { LiveContent } from "./live-content.js";
import type { Node } from "./node-table.js";
import type { RootTree } from "./root-tree.js";
import type { SetWriter } from "./set-writer.js";
import { stepTransfer } from "./transfer-step.js";

export interface LiveTransferOptions {
  readonly tree: RootTree;
  readonly node: Node;
  readonly content: LiveContent | null;
  readonly credits: Credits;
  readonly writer: SetWriter;
  readonly inbox: FactInbox;
}

/** Until it is shipped, or vanished. The tree must be open. */
export async function runLiveTransfer({ tree, node, content, credits, writer, inbox }: LiveTransferOptions, transfer: FileTransfer): Promise<void> {
  const isTold = content?.witness(node.inode);
  for (;;) {
    await credits.whenLiveMayFlow();
    const result = stepTransfer(tree, node, transfer, writer);
    if (result === "more") continue;
    const isGood = result === "done" && (!transfer.isTorn || (!transfer.isCut && isTold?.() === true));
    if (result === "done") tree.shipper.recordTransfer(transfer, !isGood);
    if (isGood) return;
    const { dev, ino } = node.inode;
    node.inode.racy = true;
    // Whatever becomes of the file, the target does not hold the part of it that was sent for ever.
    writer.isCutWanted = true;
    content?.doubt(tree, node.inode);
    inbox.push([{ kind: "content", root: tree.index, path: node.path, node: { dev, ino, generation: 0n }, isModified: true, isClosed: false }]);
    return;
  }
}
