// For one connection: brings large files up to date whose blocks only the receiver knows. Asks for the receiver's block
// signatures and ships the blocks that differ: of a file whose content is as it was, nothing but its attributes.
// A file is followed by its inode, whatever its names become meanwhile.

import { type BytePath, parentPath } from "../model/byte-path.js";
import type { IndexAnswer, RootIndex, SumsAnswer } from "../model/change.js";
import type { MirrorTransfer, MirrorTree } from "../model/mirror-port.js";
import type { Inode } from "./node-table.js";

export interface ContentCheckOptions {
  readonly connectionId: number;
  readonly tree: MirrorTree;
  /** The receiver has no regular file there: the place must be compared. */
  readonly onUnfit: (root: RootIndex, path: BytePath) => void;
  /** The file could not be read by a name it is known by. */
  readonly onVanished: (root: RootIndex, inode: Inode) => void;
}

interface Doubt {
  readonly root: RootIndex;
  readonly inode: Inode;
}

interface Sending extends Doubt {
  readonly transfer: MirrorTransfer;
}

/** The receiver reads one file while the source reads another. */
const ASKED_MAX = 2;

export class ContentCheck {
  readonly #options: ContentCheckOptions;
  readonly #waiting = new Map<Inode, Doubt>();
  readonly #asked = new Map<number, Doubt>();
  readonly #answers: (SumsAnswer | IndexAnswer)[] = [];
  /** Transfers that wait for an answer. */
  readonly #parked = new Map<number, Sending>();
  #transfer: Sending | null = null;

  constructor(options: ContentCheckOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#waiting.size + this.#asked.size + this.#parked.size + (this.#transfer === null ? 0 : 1);
  }

  get hasWork(): boolean {
    return this.#transfer !== null || this.#answers.length > 0 || (this.#waiting.size > 0 && this.#mayAsk);
  }

  get #mayAsk(): boolean {
    return this.#asked.size + this.#parked.size < ASKED_MAX;
  }

  add(root: RootIndex, inode: Inode): void {
    this.#waiting.set(inode, { root, inode });
  }

  has(inode: Inode): boolean {
    return (
      this.#waiting.has(inode) || this.#transfer?.inode === inode || [...this.#asked.values(), ...this.#parked.values()].some((doubt) => doubt.inode === inode)
    );
  }

  takeAnswer(answer: SumsAnswer | IndexAnswer): boolean {
    if (!this.#asked.has(answer.seq) && !this.#parked.has(answer.seq)) return false;
    this.#answers.push(answer);
    return true;
  }

  /** The answer to `seq` may have been lost with a channel: ask again. */
  askAgain(seq: number): boolean {
    const doubt = this.#asked.get(seq) ?? this.#parked.get(seq);
    if (doubt === undefined) return false;
    this.#asked.delete(seq);
    this.#parked.delete(seq);
    this.add(doubt.root, doubt.inode);
    return true;
  }

  /** One bounded piece of work. */
  step(): void {
    if (this.#transfer !== null) {
      this.#stepTransfer(this.#transfer);
      return;
    }
    const answer = this.#answers.shift();
    const [next] = this.#waiting.values();
    if (answer?.kind === "index" && this.#parked.has(answer.seq)) this.#resume(answer);
    else if (answer !== undefined) this.#take(answer);
    else if (next !== undefined && this.#mayAsk) this.#ask(next);
  }

  #ask(doubt: Doubt): void {
    const { tree, connectionId } = this.#options;
    this.#waiting.delete(doubt.inode);
    const path = pathOf(doubt);
    if (path !== undefined) this.#asked.set(tree.askContent(connectionId, doubt.root, path), doubt);
  }

  #take(answer: SumsAnswer | IndexAnswer): void {
    const doubt = this.#asked.get(answer.seq);
    this.#asked.delete(answer.seq);
    const path = doubt === undefined ? undefined : pathOf(doubt);
    if (doubt === undefined || path === undefined) return;
    const { tree, connectionId, onUnfit, onVanished } = this.#options;
    if (answer.base === null) {
      onUnfit(doubt.root, path);
      return;
    }
    const transfer = tree.shipAgainst(connectionId, doubt.root, path, answer);
    if (typeof transfer === "string") onVanished(doubt.root, doubt.inode);
    else this.#transfer = { ...doubt, transfer };
  }

  /** The transfer goes on that asked for it. */
  #resume(answer: IndexAnswer): void {
    const sending = this.#parked.get(answer.seq);
    if (sending === undefined) return;
    this.#parked.delete(answer.seq);
    sending.transfer.take(answer);
    this.#transfer = sending;
  }

  #stepTransfer(sending: Sending): void {
    const { transfer, root, inode } = sending;
    const { tree, connectionId, onVanished } = this.#options;
    const result = transfer.step();
    if (result === "more") return;
    this.#transfer = null;
    if (result === "asked") this.#parked.set(transfer.askedSeq, sending);
    else if (result === "vanished") onVanished(root, inode);
    else if (transfer.isRebuild) tree.ship(connectionId, root, parentPath(transfer.path), "attr");
  }
}

/** A name of the file on source and receiver, undefined when it has none left. */
function pathOf({ inode }: Doubt): BytePath | undefined {
  return inode.nodes[0]?.path;
}
