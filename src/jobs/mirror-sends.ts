// What one job has to send, entry by entry: as new, as attributes, as a link, or as the blocks that differ. A large file
// goes piece by piece, one at a time. Names of one inode stay names of one inode on the receiver, whatever becomes of
// them on the source between the comparison and the sending.

import type { Clock } from "../base/clock.js";
import { type BytePath, baseName, parentPath } from "../model/byte-path.js";
import { type IndexAnswer, type RootIndex, type SumsAnswer, WHOLE_FILE_BYTES_MAX } from "../model/change.js";
import type { MirrorEntry, MirrorShipment, MirrorTransfer, MirrorTree, Standing, Upcoming } from "../model/mirror-port.js";
import type { MirrorContent } from "../model/mirror-wish.js";
import { ContentTurns } from "./content-turns.js";
import type { DirectoryWork } from "./directory-work.js";
import type { LinkGroups } from "./link-groups.js";
import type { MirrorProgress } from "./mirror-progress.js";
import { SendQueue } from "./send-queue.js";
import { Unfound } from "./unfound.js";
import type { WalkPointer } from "./walk-pointer.js";

export interface MirrorSendsOptions {
  readonly connectionId: number;
  readonly mode: "full" | "difference" | "repair";
  readonly tree: MirrorTree;
  readonly content: MirrorContent;
  /** Not null: names of an inode may lie outside of what the job goes through. */
  readonly places: readonly unknown[] | null;
  readonly clock?: Clock;
}

interface SendWork {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly what: "new" | "attr" | "content" | "link";
  readonly entry: MirrorEntry | null;
  /** Everything is sent, and the walk came to it in this directory; null = for another reason. */
  readonly walked: BytePath | null;
  /** Sent as new, it takes its further names along. */
  readonly relinks: boolean;
  /** Names of the same inode that could not be read before this one. */
  readonly tried: readonly BytePath[];
}

interface Sending {
  readonly transfer: MirrorTransfer;
  readonly work: SendWork;
  /** The receiver's file becomes another inode. */
  readonly isNew: boolean;
}

const WALK = { isWalk: true, path: "" as BytePath } as const;
const SENDS_PER_STEP = 200;
/** So much of what comes next may be read ahead. */
const AHEAD_MAX = 1024;
/** How much may be on its way is asked between steps. */
const BYTES_PER_STEP = 1024 * 1024;
/** Each holds what was found of a file: an answer to another one waits. */
const PARKED_MAX = 8;
/** A file whose name vanished is sent by another of its names. Who may not read it by so many may not read it by any. */
const TRIED_MAX = 4;

export class MirrorSends {
  readonly #options: MirrorSendsOptions;
  readonly #links: LinkGroups;
  readonly #progress: MirrorProgress;
  readonly #walk: Pick<WalkPointer, "sending" | "hasPassed" | "isFull">;
  readonly #queue = new SendQueue<SendWork>();
  readonly #sums = new Map<number, SendWork>();
  readonly #turns = new ContentTurns<SendWork>();
  readonly #touched: Map<BytePath, true>[] = [];
  readonly #unsent: (SumsAnswer | IndexAnswer)[] = [];
  /** Files whose transfer waits for an answer. */
  readonly #parked = new Map<number, Sending>();
  #sending: Sending | null = null;
  readonly #unfound: Unfound;
  readonly #onFound: (work: DirectoryWork) => void;

  /** `walk` is told of what is sent because the walk came to it; `onFound` of what was away for a while, and is to be gone through. */
  constructor(
    options: MirrorSendsOptions,
    links: LinkGroups,
    progress: MirrorProgress,
    walk: Pick<WalkPointer, "sending" | "hasPassed" | "isFull">,
    onFound: (work: DirectoryWork) => void,
  ) {
    this.#walk = walk;
    this.#options = options;
    this.#unfound = new Unfound(options);
    this.#onFound = onFound;
    this.#links = links;
    this.#progress = progress;
    for (let root = 0; root < options.tree.rootCount; root++) this.#touched.push(new Map());
  }

  get pending(): number {
    return this.#queue.length + this.#sums.size + this.#turns.waiting + this.#parked.size + this.#unfound.size + (this.#sending === null ? 0 : 1);
  }

  get hasWork(): boolean {
    return this.#sending !== null || this.#queue.length > 0 || this.#mayTakeUnsent || this.#unfound.isDue;
  }

  /** The directory could not be listed. */
  missDirectory(work: DirectoryWork): void {
    this.#unfound.noteDirectory(work);
  }

  /** Nothing else is sent before a large file is. */
  get isInTransfer(): boolean {
    return this.#sending !== null;
  }

  /** `by`: what the entry was met by; absent = no entry was. Where everything is sent, `isSent` says that it is one of it all. */
  add(
    root: RootIndex,
    path: BytePath,
    what: SendWork["what"],
    entry: MirrorEntry | null,
    by: Pick<DirectoryWork, "isWalk" | "path"> = WALK,
    isSent = false,
  ): void {
    const isWalk = by.isWalk === true;
    // The further names of what is met out of turn may lie behind the walk, which met them as files with one name.
    const relinks = !isWalk || this.#options.mode === "repair" || this.#options.places !== null;
    this.#queue.push({ root, path, what, entry, walked: isWalk && isSent ? by.path : null, relinks, tried: [] });
  }

  /** Sends it as new, as another inode than the receiver has, which all its names become names of. */
  addAnew(root: RootIndex, entry: MirrorEntry): void {
    this.touch(root, parentPath(entry.path));
    this.#queue.push({ root, path: entry.path, what: "new", entry, walked: null, relinks: true, tried: [] });
  }

  /** The directory's times are to be set, last of all. */
  touch(root: RootIndex, path: BytePath): void {
    this.#touched[root]?.set(path, true);
  }

  addTouched(): void {
    this.#touched.forEach((paths, root) => {
      for (const path of paths.keys()) this.add(root, path, "attr", null);
      paths.clear();
    });
  }

  hasAsked(seq: number): boolean {
    return this.#sums.has(seq) || this.#parked.has(seq);
  }

  get #mayTakeUnsent(): boolean {
    return this.#unsent.length > 0 && this.#parked.size < PARKED_MAX;
  }

  /** The answer to `seq` may have been lost with a channel: ask again. */
  askAgain(seq: number): boolean {
    const work = this.#sums.get(seq) ?? this.#parked.get(seq)?.work;
    if (work === undefined || this.#unsent.some((answer) => answer.seq === seq)) return work !== undefined;
    this.#sums.delete(seq);
    this.#parked.delete(seq);
    this.#endTurn(work);
    this.#queue.push(work);
    return true;
  }

  /** `directories`: what the walk comes to when all this is sent, the last first. */
  sendSome(directories: readonly DirectoryWork[]): void {
    const answer = this.#mayTakeUnsent ? this.#unsent.shift() : undefined;
    if (answer !== undefined) {
      this.#sendAgainst(answer);
      return;
    }
    if (this.#unfound.isDue) for (const work of this.#unfound.lookAgain()) this.#onFound(work);
    this.#options.tree.fetchAhead(this.#upcoming(directories));
    const { tree, connectionId } = this.#options;
    let bytes = 0;
    for (let sends = 0; sends < SENDS_PER_STEP; sends++) {
      const work = this.#queue.shift();
      if (work === undefined) return;
      this.#send(work);
      bytes += work.what === "attr" || work.what === "link" ? 0 : (work.entry?.size ?? 0);
      if (this.#sending !== null || bytes >= BYTES_PER_STEP || !tree.hasRoom(connectionId)) return;
    }
  }

  *#upcoming(directories: readonly DirectoryWork[]): Generator<Upcoming> {
    for (const { root, path, what, entry } of this.#queue.peek(AHEAD_MAX)) {
      if (what === "new" && entry?.type === "file") yield { root, path, isDirectory: false };
    }
    if (this.#queue.length > AHEAD_MAX) return;
    for (const work of directories.slice(-AHEAD_MAX).reverse()) {
      // Of what is compared little may be sent.
      if (!this.#walk.isFull(work)) return;
      yield { root: work.root, path: work.path, isDirectory: true };
    }
  }

  takeContent(answer: SumsAnswer | IndexAnswer): void {
    if (this.#parked.has(answer.seq)) answer.kind === "index" ? this.#resume(answer) : this.askAgain(answer.seq);
    else if (this.#parked.size < PARKED_MAX) this.#sendAgainst(answer);
    else this.#unsent.push(answer);
  }

  /** The transfer goes on that asked for it. */
  #resume(answer: IndexAnswer): void {
    const sending = this.#parked.get(answer.seq);
    if (sending === undefined) return;
    this.#parked.delete(answer.seq);
    sending.transfer.take(answer);
    this.#sending = sending;
  }

  #sendAgainst(answer: SumsAnswer | IndexAnswer): void {
    const work = this.#sums.get(answer.seq);
    this.#sums.delete(answer.seq);
    if (work === undefined) return;
    const { tree, connectionId } = this.#options;
    const isNew = answer.base === null;
    const { root, path } = work;
    const shipment = isNew ? tree.ship(connectionId, root, path, "new") : tree.shipAgainst(connectionId, root, path, answer);
    this.#noteShipment({ ...work, relinks: true }, shipment, isNew);
    if (work.entry !== null) this.#progress.done(work.entry, 0);
  }

  stepTransfer(): void {
    if (this.#sending === null) return;
    const { transfer, work, isNew } = this.#sending;
    const [sentBefore, readBefore] = [transfer.sentBytes, transfer.readBytes];
    const result = transfer.step();
    const sent = transfer.sentBytes - sentBefore;
    this.#progress.addBytes(sent, Math.max(0, transfer.readBytes - readBefore - sent));
    if (result === "more") return;
    this.#sending = null;
    if (result === "asked") {
      this.#parked.set(transfer.askedSeq, { transfer, work, isNew });
      return;
    }
    this.#endTurn(work);
    if (transfer.isRebuild) this.touch(work.root, parentPath(transfer.path));
    if (result === "vanished") this.#sendByOtherName(work);
    else this.#followInode(work, transfer.path, isNew);
  }

  #send(work: SendWork): void {
    const { tree, connectionId } = this.#options;
    const { root, path, entry } = work;
    if (work.walked !== null) this.#walk.sending(root, work.walked, entry?.name ?? baseName(path));
    if (entry?.type === "dir" && work.what !== "attr") this.touch(root, path);
    const first = work.what === "link" && entry !== null ? this.#links.firstOf(root, entry) : undefined;
    if (entry !== null && first !== undefined && this.#links.isFirstCurrent(root, entry.inode)) {
      tree.shipLink(connectionId, root, path, first);
      this.#links.linked(root, entry.inode);
      return;
    }
    const wholeBytesMax = this.#options.content === "times" ? WHOLE_FILE_BYTES_MAX : 0;
    if (work.what === "content" && entry?.type === "file" && entry.size > wholeBytesMax) {
      this.#askContent(work);
      return;
    }
    const isNew = work.what !== "attr";
    const shipment = tree.ship(connectionId, root, path, isNew ? "new" : "attr");
    this.#noteShipment({ ...work, relinks: work.relinks || work.what === "link" }, shipment, isNew);
    if (entry === null || work.tried.length > 0) return;
    this.#progress.done(entry, typeof shipment === "string" && isNew ? entry.size : 0);
    if (!isNew) this.#progress.addBytes(0, entry.size);
  }

  #askContent(work: SendWork): void {
    const { tree, connectionId, mode } = this.#options;
    const { root, path } = work;
    const waits = this.#turns.begin(work);
    if (waits === null) {
      // What was answered stale is sent in the simplest way: else it could be answered stale for ever.
      this.#sums.set(mode === "repair" ? tree.askSums(connectionId, root, path) : tree.askContent(connectionId, root, path), work);
      return;
    }
    const entry = waits.superseded?.entry ?? null;
    if (entry !== null) this.#progress.done(entry, 0);
  }

  #endTurn(work: SendWork): void {
    const next = work.what === "content" ? this.#turns.end(work) : null;
    if (next !== null) this.#queue.push(next);
  }

  #noteShipment(work: SendWork, shipment: MirrorShipment, isNew: boolean): void {
    if (typeof shipment !== "string") {
      this.#sending = { transfer: shipment, work, isNew };
      return;
    }
    this.#endTurn(work);
    if (shipment === "vanished") this.#sendByOtherName(work);
    else this.#followInode(work, work.path, isNew);
  }

  /** The entry was sent by the name that `path` is. */
  #followInode(work: SendWork, path: BytePath, isNew: boolean): void {
    const { root, entry } = work;
    const standing = entry === null || entry.type === "dir" ? null : this.#options.tree.standingAt(root, path);
    if (standing === null || entry === null) return;
    if (standing.inode !== entry.inode) this.#sendByOtherName(work);
    if (isNew) this.#relink(work, path, standing, entry);
  }

  /**
   * What is sent as new may be another inode on the receiver than before, while its further names there still show the old one. Those
   * that are met later in the job are compared with this one then; the others, which the walk may have passed when they were the only
   * one, must follow at once: a live change that went to the old inode meanwhile would be lost.
   */
  #relink({ root, relinks }: SendWork, path: BytePath, { inode, links }: Standing, entry: MirrorEntry): void {
    const { tree, connectionId } = this.#options;
    const hadLinks = this.#links.made(root, inode, path);
    if (links < 2) return;
    const names = tree.namesOf(root, inode);
    // By now the path may be another inode's, whose further names the walk may have passed.
    const isOutOfTurn = inode !== entry.inode || relinks || hadLinks || names.length > entry.links;
    for (const other of names) {
      if (other === path || (!isOutOfTurn && !this.#isPassed(root, other, path))) continue;
      tree.shipLink(connectionId, root, other, path);
      this.touch(root, parentPath(other));
      // Should it be sent once more, they must follow once more.
      this.#links.linked(root, inode);
    }
  }

  /** What was listed together with `path` has its own turn. */
  #isPassed(root: RootIndex, other: BytePath, path: BytePath): boolean {
    return parentPath(other) !== parentPath(path) && this.#walk.hasPassed(root, other);
  }

  /** The name is nobody's, or another inode's, by now; the receiver may have further names of what was found wrong by this one. */
  #sendByOtherName({ root, path, entry, tried }: SendWork): void {
    if (entry === null || entry.type === "dir") return;
    const names = tried.length >= TRIED_MAX ? [] : this.#options.tree.namesOf(root, entry.inode);
    const other = names.find((name) => name !== path && !tried.includes(name));
    if (other === undefined) {
      this.#unfound.noteEntry({ root, path: parentPath(path), only: baseName(path), again: null, suspect: "all", descend: false });
      return;
    }
    this.touch(root, parentPath(other));
    const byOther = { ...entry, path: other, name: baseName(other) };
    this.#queue.push({ root, path: other, what: "new", entry: byOther, walked: null, relinks: true, tried: [...tried, path] });
  }
}
