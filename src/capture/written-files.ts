// Ships the files that were written to: their written ranges where these are known, whole small files, and by comparison
// what is in doubt.

import { closeFd, type FileStat } from "../fs/native.js";
import type { Cut } from "./cut.js";
import type { Place } from "./entry-shipper.js";
import { FileTransfer } from "./file-transfer.js";
import type { LiveContent, Written } from "./live-content.js";
import { settle } from "./mapped-files.js";
import type { Inode, Node } from "./node-table.js";
import { isAttached, isStillThere } from "./observation.js";
import { RangeTransfer } from "./range-transfer.js";
import type { RootTree } from "./root-tree.js";
import type { SetWriter } from "./set-writer.js";
import { stepTransfer } from "./transfer-step.js";
import { type AskReceivers, shipUnknown } from "./unknown-content.js";

export interface WrittenFilesOptions {
  readonly tree: RootTree;
  readonly content: LiveContent;
  readonly cut: Cut;
  readonly writer: SetWriter;
  /** Resolves when more output is welcome. */
  readonly whenMayFlow: () => Promise<void>;
  readonly transfer: (node: Node, transfer: FileTransfer) => Promise<void>;
  readonly askReceivers: AskReceivers;
}

/** Smaller files are read whole: a look at their hash tells whether they changed at all. */
const RANGES_WORTH_BYTES = 16 * 1024;
/** A file that is not found by any name so often is gone, or nobody may read it. */
const ATTEMPTS_MAX = 3;

interface Found {
  readonly node: Node;
  readonly place: Place;
  readonly stat: FileStat;
}

type Outcome = "shipped" | "vanished" | "later";

/** Everything that waits of one root. The tree must be open. */
export async function shipWritten(options: WrittenFilesOptions): Promise<void> {
  const { tree, content, cut } = options;
  for (const [inode, written] of content.take(tree)) {
    await options.whenMayFlow();
    if (inode.nodes.length === 0) continue;
    const found = find(tree, inode);
    const outcome = found === null ? "vanished" : await ship(options, inode, written, found);
    if (outcome === "shipped") continue;
    if (outcome === "later") {
      content.defer(inode, written);
      continue;
    }
    // It was renamed or removed after what is known by now: the next pass knows more.
    cut.isSpoiled = true;
    written.attempts += 1;
    if (written.attempts < ATTEMPTS_MAX || !inode.nodes.some((node) => isStillThere(tree, node))) content.defer(inode, written);
    else inode.racy = true;
  }
}

function find(tree: RootTree, inode: Inode): Found | null {
  for (const node of inode.nodes) {
    if (node.parent === null || !isAttached(node)) continue;
    const dirfd = tree.directoryOf(node.parent);
    if (dirfd === undefined) continue;
    const place = { dirfd, name: node.name, path: node.path };
    const stat = tree.look(dirfd, place.path, place.name);
    if (stat !== null && inode.isSame(stat)) return { node, place, stat };
  }
  return null;
}

async function ship(options: WrittenFilesOptions, inode: Inode, written: Written, found: Found): Promise<Outcome> {
  const { tree, content } = options;
  const { stat, place } = found;
  const settled = settleMapped(options, inode, written, found);
  if (settled !== "shipped") return settled;
  // A writer left it with other times, and nothing tells what it wrote: through a mapping, most likely.
  const isUntold = written.isClosed && written.ranges.length === 0 && !inode.hasSameCtime(stat);
  if (!written.isDoubtful && !isUntold && written.ranges.length === 0 && stat.size === inode.size) {
    if (!inode.hasSameCtime(stat)) tree.shipper.shipAttr(place, inode, stat, true);
    else inode.racy = false;
    content.record(tree, inode);
    return "shipped";
  }
  if (written.isDoubtful || isUntold || Math.max(stat.size, inode.size) <= RANGES_WORTH_BYTES) return compare(options, inode, found);
  const volume = content.volumeOf(inode);
  if (volume === undefined) return compare(options, inode, found);
  const { ranges, marks, reach } = written;
  const transfer = new RangeTransfer({ root: tree.index, inode, fileSystem: volume.volume.kind, ranges, marks, reach });
  for (;;) {
    const result = stepTransfer(tree, found.node, transfer, options.writer);
    if (result === "vanished") return "vanished";
    if (result === "done") break;
    await options.whenMayFlow();
  }
  tree.shipper.recordRanges(transfer);
  content.record(tree, inode);
  if (transfer.isTorn) content.doubt(tree, inode);
  return "shipped";
}

async function compare({ tree, content, transfer, askReceivers }: WrittenFilesOptions, inode: Inode, { node, place, stat }: Found): Promise<Outcome> {
  const shipped = tree.shipper.shipContent(place, inode);
  if (shipped === "vanished") return "vanished";
  if (shipped instanceof FileTransfer) await transfer(node, shipped);
  else if (shipped === "unknown") shipUnknown(tree, inode, place, stat, askReceivers);
  content.record(tree, inode);
  return "shipped";
}

/** Stores through a mapping are told again once they were settled; that writes to the disk. */
function settleMapped({ tree, content }: WrittenFilesOptions, inode: Inode, written: Written, { place }: Found): Outcome {
  if (!content.isMapped(inode) || !(written.isDoubtful || content.hasMappedStores(written))) return "shipped";
  if (!content.maySettle(inode)) return "later";
  const fd = tree.shipper.open(place);
  if (typeof fd !== "number") return "vanished";
  try {
    settle(fd, 0, 0);
    return "shipped";
  } finally {
    closeFd(fd);
  }
}
