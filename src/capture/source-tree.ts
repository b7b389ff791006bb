// The engine as jobs see it: lists, compares and ships parts of the tree for one connection (port MirrorTree).

import { ENOENT } from "../fs/errno.js";
import { type FileStat, statAt } from "../fs/native.js";
import { fetchFile, ReadAhead } from "../fs/read-ahead.js";
import { type BytePath, baseName, joinPath, PATH_BYTES_MAX, parentPath } from "../model/byte-path.js";
import { BLOCK_BYTES, type BlockRange, type EntrySummary, type IndexAnswer, type OrphansChange, type RootIndex, type SumsAnswer } from "../model/change.js";
import { ALL_BLOCKS } from "../model/index-blocks.js";
import type {
  CompareRequest,
  EntryStamp,
  InodeKey,
  MirrorCheck,
  MirrorEntry,
  MirrorShipment,
  MirrorTotals,
  MirrorTransfer,
  MirrorTree,
  ShippedRename,
  Standing,
  Upcoming,
} from "../model/mirror-port.js";
import { CompareBundle } from "./compare-bundle.js";
import { sumsFromBytes } from "./content-reader.js";
import { FileTransfer } from "./file-transfer.js";
import { InPlaceTransfer } from "./in-place-transfer.js";
import { inodeKey, inodeOfKey } from "./inode-key.js";
import type { InodeRecord } from "./inode-record.js";
import { addUnseen, type ListedEntry, notePlain, type Ownership, type Sight, sightOf, summarise, unseenSummary } from "./listed-entry.js";
import { mirrorTransfer } from "./mirror-transfer.js";
import { MOVED_FILE_BYTES_MAX, MOVED_FILE_BYTES_MIN, MovedTransfer } from "./moved-transfer.js";
import type { Inode, Node } from "./node-table.js";
import { isAway } from "./observation.js";
import { isUnseen, type RootTree } from "./root-tree.js";
import { SendsAhead } from "./sends-ahead.js";
import type { SourceEngine } from "./source-engine.js";
import { SumsCheck } from "./sums-check.js";

/** Of a larger directory the rest is looked at once more. */
const OWNED_MAX = 20_000;
/** After which a job may ask again for what was looked for. */
const SOUGHT_MS = 110;

export class SourceTree implements MirrorTree {
  readonly #engine: SourceEngine;
  readonly #rebuilders = new Set<number>();
  readonly #bundle = new CompareBundle();
  readonly #ahead = new ReadAhead((root, path) => {
    const parent = this.#tree(root).table.at(parentPath(path));
    return fetchFile((parent && this.#tree(root).directoryOf(parent)) ?? -1, baseName(path));
  });

  readonly #sendsAhead: SendsAhead;
  /** Ends when whoever sought something last may ask again. */
  #sought: NodeJS.Timeout | undefined;

  constructor(engine: SourceEngine) {
    this.#engine = engine;
    this.#sendsAhead = new SendsAhead({ trees: engine.trees });
  }

  get rootCount(): number {
    return this.#engine.trees.length;
  }

  get renamePosition(): number {
    return this.#engine.writer.renames.position;
  }

  renamesSince(position: number): readonly ShippedRename[] | null {
    return this.#engine.writer.renames.since(position);
  }

  renamesFromSet(seq: number): readonly ShippedRename[] | null {
    return this.#engine.writer.renames.fromSet(seq);
  }

  hasRoom(connectionId: number): boolean {
    const { credits, writer } = this.#engine;
    // What is gathered is not in the window before it is a set.
    if (writer.gatheredBytes >= writer.pieceBytes) writer.flush();
    return credits.mayMirror(connectionId);
  }

  totals(): MirrorTotals {
    return this.#engine.totals;
  }

  totalsBelow(root: RootIndex, path: BytePath): MirrorTotals {
    const { records } = this.#tree(root).table;
    const sum = { files: 0, directories: 0, bytes: 0 };
    const waiting = [records.at(path)].filter((node) => node !== 0);
    const shared = new Set<InodeKey>();
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      const inode = records.inodeAt(node);
      const isAgain = inode.nameCount > 1 && shared.has(inodeKey(inode));
      if (inode.nameCount > 1) shared.add(inodeKey(inode));
      if (isAgain) continue;
      if (inode.type === "dir") sum.directories += 1;
      else sum.files += 1;
      sum.bytes += inode.type === "file" ? inode.size : 0;
      for (let child = records.firstChild(node); child !== 0; child = records.nextChild(child)) waiting.push(child);
    }
    return sum;
  }

  async list(root: RootIndex, directory: BytePath, isFresh: boolean): Promise<readonly MirrorEntry[] | null> {
    const tree = this.#tree(root);
    const node = tree.table.at(directory);
    if (node === undefined || node.children === null || directory.length > PATH_BYTES_MAX) return null;
    if (tree.directoryOf(node) === undefined) {
      tree.sayUnopened(directory);
      return null;
    }
    const owned = new Map<number, Ownership>();
    const onSame = (record: number, { ino, mode, uid, gid }: FileStat): void => {
      if (owned.size < OWNED_MAX) owned.set(record, { ino, mode, uid, gid });
    };
    if (isFresh) await this.#engine.live.refreshDirectory(tree, node, undefined, { onSame });
    const out: ListedEntry[] = [];
    const { records } = tree.table;
    for (let child = records.firstChild(node.record); child !== 0; child = records.nextChild(child)) {
      const name = records.nameOf(child);
      const inode = records.inodeAt(child);
      const { type, size, nameCount: links } = inode;
      out.push({ name, path: joinPath(directory, name), type, size, inode: inodeKey(inode), links, sight: sightOf(inode, owned.get(child)) });
    }
    return out.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  compare(connectionId: number, request: CompareRequest): number {
    const { writer } = this.#engine;
    const tree = this.#tree(request.root);
    const node = tree.table.at(request.directory);
    writer.direct(connectionId, true);
    if (!this.#bundle.takes(request, connectionId, writer.open)) writer.flush();
    const dirfd = node === undefined ? undefined : tree.directoryOf(node);
    const entries: EntrySummary[] = [];
    const hashesSuspects = this.#rebuilders.has(connectionId);
    let hashedBytes = 0;
    if (node !== undefined && dirfd !== undefined) {
      for (const entry of request.entries) {
        const summary = summarise(dirfd, entry, request, hashesSuspects, (of, sight) => this.#notePlain(tree, of, sight));
        if (summary !== null) entries.push(summary);
        else if (isUnseen(dirfd, entry.name)) entries.push(unseenSummary(entry.name, entry.path, entry.type));
        if (summary?.hash !== undefined) hashedBytes += summary.size;
      }
    }
    const stat = dirfd === undefined ? -1 : statAt(dirfd, "");
    const meta =
      request.withDirectory && dirfd !== undefined && typeof stat !== "number"
        ? tree.shipper.metaOf({ dirfd, name: ".", path: request.directory }, stat)
        : null;
    const { root, directory: path, from, until, look } = request;
    // Of what cannot be told nothing is known to be gone.
    const extras = dirfd !== undefined && addUnseen(entries, tree.unseenIn(dirfd, path), request) ? request.extras : "keep";
    const asked = { asksShared: true, ...(look === undefined ? {} : { asksFound: true, settlesExtras: look.settlesExtras }) };
    writer.add({ op: "compare", root, path, entries, from, until, extras, meta, ...asked });
    const { seq } = writer.open;
    this.#bundle.note(request, connectionId, seq, hashedBytes);
    // Reading contents takes long enough for a set of its own.
    if (look?.hashesSmallFiles === true) writer.flush();
    return seq;
  }

  askSums(connectionId: number, root: RootIndex, path: BytePath, range?: BlockRange): number {
    const { writer } = this.#engine;
    writer.direct(connectionId, true);
    writer.flush();
    writer.add({ op: "sums", root, path, ...(range === undefined ? {} : { range }) });
    if (range === undefined) this.#ahead.expect(root, path);
    return writer.flush();
  }

  askContent(connectionId: number, root: RootIndex, path: BytePath): number {
    const size = this.#tree(root).table.at(path)?.inode.size ?? 0;
    if (size < MOVED_FILE_BYTES_MIN || size > MOVED_FILE_BYTES_MAX || !this.#rebuilders.has(connectionId)) return this.askSums(connectionId, root, path);
    const { writer } = this.#engine;
    writer.direct(connectionId, true);
    writer.flush();
    writer.add({ op: "index", root, path, blockBytes: BLOCK_BYTES, ranges: ALL_BLOCKS });
    return writer.flush();
  }

  sweep(connectionId: number, change: Omit<OrphansChange, "op">): number {
    const { writer } = this.#engine;
    writer.direct(connectionId, true);
    writer.flush();
    writer.add({ op: "orphans", ...change });
    return writer.flush();
  }

  isAbsent(root: RootIndex, path: BytePath): boolean {
    const tree = this.#tree(root);
    const parent = tree.table.at(parentPath(path));
    const dirfd = parent === undefined ? undefined : tree.directoryOf(parent);
    return dirfd !== undefined && statAt(dirfd, baseName(path)) === -ENOENT;
  }

  seek(root: RootIndex, path: BytePath): boolean {
    if (!isAway(this.#tree(root), path)) return false;
    this.#engine.pushFacts([{ kind: "name", root, path }]);
    clearTimeout(this.#sought);
    this.#sought = setTimeout(() => this.#engine.wake(), SOUGHT_MS).unref();
    return true;
  }

  ship(connectionId: number, root: RootIndex, path: BytePath, what: "new" | "attr"): MirrorShipment {
    if (what === "new") {
      const shipped = this.#shipFile(connectionId, root, path);
      if (shipped !== null) return shipped;
    }
    const found = this.#look(root, path);
    if (found === undefined) {
      // Moved, most likely: where it is found again it is shipped, whatever its times say.
      const missed = this.#tree(root).table.at(path);
      if (missed !== undefined) this.#engine.live.suspect(this.#tree(root), missed.inode);
      return "vanished";
    }
    const { tree, node, dirfd, stat } = found;
    this.#engine.writer.direct(connectionId, true);
    const place = { dirfd, name: path === "" ? "." : node.name, path };
    const onBehind = this.#onBehind(tree, node.inode, () => node.inode);
    const shipped = what === "attr" ? tree.shipper.shipAttr(place, node.inode, stat, false) : tree.shipper.shipNew(place, node.inode, stat, false, onBehind);
    return shipped instanceof FileTransfer ? this.#transferNew(connectionId, tree, node, shipped) : shipped;
  }

  /** What is to be done when a receiver is left with what live sets build on, which is not the newest; null = it is left with the newest. */
  #onBehind(tree: RootTree, inode: Pick<Inode, "dev" | "ino">, held: () => Inode): (() => void) | null {
    const { live } = this.#engine;
    return live.written?.tells(inode) === true ? () => live.makeGood(tree, held()) : null;
  }

  /** See LiveContent. */
  #witness(inode: Inode): () => boolean {
    return this.#engine.live.written?.witness(inode) ?? (() => false);
  }

  #transferNew(connectionId: number, tree: RootTree, node: Node, shipped: FileTransfer): MirrorTransfer {
    const { inode } = node;
    const isTold = this.#witness(inode);
    return mirrorTransfer(this.#engine, connectionId, tree, node, new FileTransfer({ ...shipped.options, inode, isTold }), isTold);
  }

  fetchAhead(upcoming: Iterable<Upcoming>): void {
    this.#sendsAhead.tell(upcoming);
  }

  shipAgainst(connectionId: number, root: RootIndex, path: BytePath, answer: SumsAnswer | IndexAnswer): MirrorShipment {
    this.#ahead.passed(root, path);
    const found = this.#look(root, path);
    if (found === undefined || found.node.inode.type !== "file") return "vanished";
    const { tree, node, stat } = found;
    const { inode } = node;
    const isTold = this.#witness(inode);
    if (answer.kind === "index") {
      if (answer.base === null) return this.ship(connectionId, root, path, "new");
      return mirrorTransfer(this.#engine, connectionId, tree, node, new MovedTransfer({ root, inode, stat, answer, base: answer.base, isTold }), isTold);
    }
    const against = sumsFromBytes(answer.sums);
    const mayAsk = stat.size >= MOVED_FILE_BYTES_MIN && this.#rebuilders.has(connectionId);
    if (mayAsk) return mirrorTransfer(this.#engine, connectionId, tree, node, new InPlaceTransfer({ root, inode, stat, against, isTold }), isTold);
    return mirrorTransfer(this.#engine, connectionId, tree, node, new FileTransfer({ root, inode, stat, start: "patch", base: null, against, isTold }), isTold);
  }

  /** Whether the receiver of this connection understands index and rebuild changes. */
  noteReceiver(connectionId: number, rebuildsFiles: boolean): void {
    if (rebuildsFiles) this.#rebuilders.add(connectionId);
    else this.#rebuilders.delete(connectionId);
  }

  checkAgainst(root: RootIndex, path: BytePath, sums: Buffer, range?: BlockRange): MirrorCheck | null {
    this.#ahead.passed(root, path);
    const found = this.#look(root, path);
    return found === undefined || found.node.inode.type !== "file" ? null : SumsCheck.open(found.dirfd, found.node.name, found.stat, sums, range);
  }

  stampOf(root: RootIndex, path: BytePath): EntryStamp | null {
    const tree = this.#tree(root);
    const parent = tree.table.at(parentPath(path));
    const dirfd = parent === undefined ? undefined : tree.directoryOf(parent);
    const stat = dirfd === undefined ? -1 : statAt(dirfd, path === "" ? "" : baseName(path));
    if (typeof stat === "number") return null;
    const { size, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, ino } = stat;
    return { size, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, ino, mode: stat.mode & 0o7777 };
  }

  inodeAt(root: RootIndex, path: BytePath): InodeKey | null {
    return this.standingAt(root, path)?.inode ?? null;
  }

  standingAt(root: RootIndex, path: BytePath): Standing | null {
    const { records } = this.#tree(root).table;
    const node = records.at(path);
    if (node === 0) return null;
    const inode = records.inodeAt(node);
    return { inode: inodeKey(inode), links: inode.nameCount };
  }

  namesOf(root: RootIndex, inode: InodeKey): readonly BytePath[] {
    const { records } = this.#tree(root).table;
    const names: BytePath[] = [];
    for (let node = this.#inode(root, inode)?.firstName ?? 0; node !== 0; node = records.nextName(node)) names.push(records.pathOf(node));
    return names.reverse();
  }

  versionOf(root: RootIndex, inode: InodeKey): number {
    return this.#inode(root, inode)?.version ?? 0;
  }

  sharedNamesSince(root: RootIndex, sinceMs: number, max: number): readonly BytePath[] | null {
    const { records } = this.#tree(root).table;
    const names: BytePath[] = [];
    const pending = [records.at("" as BytePath)];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      for (let child = records.firstChild(node); child !== 0; child = records.nextChild(child)) {
        const inode = records.inodeAt(child);
        if (inode.type === "dir") pending.push(child);
        else if (inode.wasShared && inode.ctimeSec * 1000 + inode.ctimeNsec / 1e6 >= sinceMs) names.push(records.pathOf(child));
      }
      if (names.length > max) return null;
    }
    return names;
  }

  shipLink(connectionId: number, root: RootIndex, path: BytePath, to: BytePath): void {
    this.#engine.writer.direct(connectionId, true);
    this.#engine.writer.add({ op: "link", root, path, to });
  }

  flush(): number {
    return this.#engine.writer.flush();
  }

  #notePlain(tree: RootTree, { path, inode }: MirrorEntry, sight: Sight): void {
    const { records } = tree.table;
    const node = records.at(path);
    if (node === 0) return;
    const record = records.inodeAt(node);
    if (inodeKey(record) === inode) notePlain(record, sight);
  }

  #tree(root: RootIndex): RootTree {
    const tree = this.#engine.trees[root];
    if (tree === undefined) throw new RangeError(`no root ${root}`);
    return tree;
  }

  /** What is known of the inode, until the table is asked again. */
  #inode(root: RootIndex, key: InodeKey): InodeRecord | undefined {
    const { records } = this.#tree(root).table;
    const { dev, ino } = inodeOfKey(key);
    const inode = records.inodeNumbered(dev, ino);
    return inode === 0 ? undefined : records.inode(inode);
  }

  /** Ships a regular file, which is looked at when it is open; null = none is known at the path. */
  #shipFile(connectionId: number, root: RootIndex, path: BytePath): MirrorShipment | null {
    const tree = this.#tree(root);
    const { records } = tree.table;
    const node = records.at(path);
    if (node === 0 || records.inodeAt(node).type !== "file") return null;
    const dirfd = tree.directoryOfRecord(records.parentOf(node));
    if (dirfd === undefined) return null;
    this.#engine.writer.direct(connectionId, true);
    const seen = tree.table.glance(node);
    this.#sendsAhead.passed(root, node, seen.size);
    const onBehind = this.#onBehind(tree, seen, () => tree.table.node(node).inode);
    const shipped = tree.shipper.shipNewFile({ dirfd, name: records.nameOf(node), path }, seen, false, onBehind);
    return shipped instanceof FileTransfer ? this.#transferNew(connectionId, tree, tree.table.node(node), shipped) : shipped;
  }

  #look(root: RootIndex, path: BytePath): { tree: RootTree; node: Node; dirfd: number; stat: FileStat } | undefined {
    const tree = this.#tree(root);
    const node = tree.table.at(path);
    if (node === undefined) return undefined;
    const parent = node.parent === null ? node : tree.table.at(parentPath(path));
    const dirfd = parent === undefined ? undefined : tree.directoryOf(parent);
    if (dirfd === undefined) return undefined;
    const stat = tree.look(dirfd, path, path === "" ? "" : baseName(path));
    return stat !== null && node.inode.isSame(stat) ? { tree, node, dirfd, stat } : undefined;
  }
}
