// Ships the files that were written to: their written ranges where these are known, whole small files, and by comparison
// what is in doubt.

import { closeFd, type FileStat } from "../fs/native.js";
import type { Cut } from "./cut.js";
import type { Place } from "./entry-shipper.js";
import { FileTransfer } from "./file-transfer.js";
import type { LiveContent, Written } from "./live-content.js";
import { settle } from "./mapped-files.js";
import type { Inode, Node } from "./node-table.js";
import { isAttached } from "./observation.js";
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
/** A file that cannot be read so often is tried again from time to time. */
const ATTEMPTS_MAX = 3;
const UNREADABLE_MS = 10_000;

interface Found {
  readonly node: Node;
  readonly place: Place;
  readonly stat: FileStat;
}

type Outcome = "shipped" | "vanished";

/** Everything that waits of one root. The tree must be open. */
export async function shipWritten(options: WrittenFilesOptions): Promise<void> {
  const { tree, content, cut } = options;
  for (const [inode, written] of content.take(tree)) {
    await options.whenMayFlow();
    if (inode.nodes.length === 0) continue;
    const found = find(tree, inode);
    if (found !== null && (await ship(options, inode, written, found)) === "shipped") continue;
    written.attempts += 1;
    if (written.attempts < ATTEMPTS_MAX) {
      // It was renamed or removed after what is known by now: the next pass knows more.
      cut.isSpoiled = true;
      content.defer(inode, written, 0);
    } else {
      // Nobody may read it, which was said, or something covers it: what was written is not forgotten.
      content.defer(inode, { ...written, isDoubtful: true }, UNREADABLE_MS);
    }
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
  const { tree, content, cut } = options;
  const { stat, place } = found;
  // Writes were lost, perhaps of this file: what is told of it is not all, and once it is recorded the comparison of the tree passes it by.
  const isUnknown = content.stateOf(inode) === "unknown";
  if (isUnknown && (written.ranges.length > 0 || !inode.hasSameCtime(stat))) written.isDoubtful = true;
  if (written.ranges.length > 0 || written.isDoubtful) content.noteTimes(inode, stat);
  settleMapped(options, inode, written, found);
  const isSmall = Math.max(stat.size, inode.size) <= RANGES_WORTH_BYTES;
  // A writer left it with other times, and nothing tells what it wrote: through a mapping, or others have written since. A rename after the
  // close changes the time of change alone, which is worth no more than a look.
  const isUntold = written.isClosed && written.ranges.length === 0 && !(isSmall ? inode.hasSameCtime(stat) : inode.hasSameContentTimes(stat));
  if (isUntold && !written.isDoubtful && !written.wasUntold) {
    // What others wrote the next pass knows.
    cut.isSpoiled = true;
    content.defer(inode, { ...written, wasUntold: true }, 0);
    return "shipped";
  }
  if (!written.isDoubtful && !isUntold && written.ranges.length === 0 && stat.size === inode.size) {
    if (!inode.hasSameCtime(stat)) tree.shipper.shipAttr(place, inode, stat, true);
    else inode.racy = false;
    content.record(tree, inode);
    return "shipped";
  }
  if (written.isDoubtful || isUntold || isSmall) return compare(options, inode, found);
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

/**
 * Stores through a mapping are told again once they were settled, which writes to the disk: not too often. Until then the file is
 * read as it is, and once more when it was settled.
 */
function settleMapped({ tree, content }: WrittenFilesOptions, inode: Inode, written: Written, { place }: Found): void {
  if (!content.isMapped(inode) || !(written.isDoubtful || content.hasMappedStores(written))) return;
  const delayMs = content.settleDelayMs(inode);
  if (delayMs > 0) {
    content.defer(inode, written, delayMs);
    return;
  }
  const fd = tree.shipper.open(place);
  if (typeof fd !== "number") return;
  try {
    if (settle(fd, 0, 0) < 0) content.defer(inode, { ...written, isDoubtful: true }, UNREADABLE_MS);
  } finally {
    closeFd(fd);
  }
}
