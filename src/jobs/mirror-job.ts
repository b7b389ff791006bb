// A mirror of one connection: brings the target to the source's state while replication runs.
// full: everything is sent. difference: directories are compared on the target, what differs is sent.
// repair: the same for single paths, for as long as the connection lives. Work is cut into small steps; between them
// live changes go first.

import type { BytePath } from "../model/byte-path.js";
import { baseName, isBelow, NAME_BYTES_MAX, parentPath } from "../model/byte-path.js";
import {
  type Answer,
  type CompareAnswer,
  type CompareChange,
  type Difference,
  type RootIndex,
  type SumsAnswer,
  WHOLE_FILE_BYTES_MAX,
} from "../model/change.js";
import type { CompareRequest, MirrorEntry, MirrorTransfer, MirrorTree, ShippedRename } from "../model/mirror-port.js";
import { MirrorProgress } from "./mirror-progress.js";

export interface MirrorJobOptions {
  readonly connectionId: number;
  readonly mode: "full" | "difference" | "repair";
  readonly extras: CompareChange["extras"];
  readonly suspect: CompareRequest["suspect"];
  readonly tree: MirrorTree;
}

interface DirectoryWork {
  readonly root: RootIndex;
  readonly path: BytePath;
  /** A slice of one name (repair), or null for the whole directory. */
  readonly only: string | null;
  readonly suspect: CompareRequest["suspect"];
  readonly descend: boolean;
}

interface SendWork {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly what: "new" | "attr" | "content" | "link";
  readonly entry: MirrorEntry | null;
}

interface PendingCompare {
  readonly work: DirectoryWork;
  readonly entries: ReadonlyMap<string, MirrorEntry>;
  readonly linkTo: ReadonlyMap<string, BytePath>;
}

const COMPARES_PENDING_MAX = 64;
/** Bounded so that a slice of the longest names, link targets and link groups still fits one change set. */
const ENTRIES_PER_COMPARE = 250;
const SENDS_PER_STEP = 200;

export class MirrorJob {
  readonly options: MirrorJobOptions;
  readonly progress = new MirrorProgress();
  readonly #directories: DirectoryWork[] = [];
  #sends: SendWork[] = [];
  readonly #answers: Answer[] = [];
  readonly #compares = new Map<number, PendingCompare>();
  readonly #sums = new Map<number, SendWork>();
  readonly #links = new Map<string, BytePath>();
  readonly #touched: Map<BytePath, true>[] = [];
  #transfer: MirrorTransfer | null = null;
  #relinkLater: { readonly root: RootIndex; readonly path: BytePath } | null = null;
  #renamesSeen: number;

  constructor(options: MirrorJobOptions) {
    this.options = options;
    this.#renamesSeen = options.tree.renamePosition;
    for (let root = 0; root < options.tree.rootCount; root++) this.#touched.push(new Map());
    if (options.mode === "repair") return;
    this.progress.begin(options.tree.totals());
    for (let root = options.tree.rootCount - 1; root >= 0; root--) {
      this.#directories.push({ root, path: "" as BytePath, only: null, suspect: options.suspect, descend: true });
    }
    if (options.mode === "full") for (let root = 0; root < options.tree.rootCount; root++) this.#queueSend(root, "" as BytePath, "new", null);
  }

  /** Work that waits for an answer, or is still to be done. */
  get pending(): number {
    return this.#directories.length + this.#sends.length + this.#compares.size + this.#sums.size + this.#answers.length + (this.#transfer === null ? 0 : 1);
  }

  get hasWork(): boolean {
    if (this.#transfer !== null || this.#answers.length > 0 || this.#sends.length > 0) return true;
    return this.#directories.length > 0 && this.#compares.size < COMPARES_PENDING_MAX;
  }

  takeAnswer(answer: Answer): boolean {
    if (answer.kind !== "compare" && answer.kind !== "sums") return false;
    if (!this.#compares.has(answer.seq) && !this.#sums.has(answer.seq)) return false;
    this.#answers.push(answer);
    return true;
  }

  /** The answer to `seq` may have been lost with a channel: ask again. */
  askAgain(seq: number): boolean {
    const compare = this.#compares.get(seq);
    if (compare !== undefined) {
      this.#compares.delete(seq);
      this.#directories.push(compare.work);
      return true;
    }
    const sums = this.#sums.get(seq);
    if (sums === undefined) return false;
    this.#sums.delete(seq);
    this.#sends.push(sums);
    return true;
  }

  /**
   * Compares `path` (and its ancestors' existence) and, for a directory, all below; content is not trusted. `sinceSeq`: the set
   * in which it had that name; whatever it was renamed to since (in that very set or behind it) is compared as well.
   */
  addRepair(root: RootIndex, path: BytePath, sinceSeq = Number.POSITIVE_INFINITY): void {
    const { tree } = this.options;
    const [within, behind] = [tree.renamesFromSet(sinceSeq), tree.renamesFromSet(sinceSeq + 1)];
    const places = within === null || behind === null ? [path, "" as BytePath] : [path, follow(root, path, within), follow(root, path, behind)];
    for (const place of new Set(places)) this.#addRepairOf(root, place);
  }

  #addRepairOf(root: RootIndex, path: BytePath): void {
    const work: DirectoryWork[] = [];
    if (path === "") work.push({ root, path, only: null, suspect: "none", descend: true });
    for (let at = path; at !== ""; at = parentPath(at)) {
      const only = baseName(at);
      work.push({ root, path: parentPath(at), only, suspect: at === path ? "all" : "none", descend: at === path });
    }
    for (const item of work) this.#addDirectory(item);
  }

  /** One bounded piece of work. "done" once nothing is left; a repair job is done whenever it is idle. */
  async step(): Promise<"worked" | "waiting" | "done"> {
    this.#followRenames();
    // Before answers: one of them may begin the next transfer, and there is one at a time.
    if (this.#transfer !== null) return this.#stepTransfer();
    const answer = this.#answers.shift();
    if (answer !== undefined) {
      if (answer.kind === "compare") this.#takeCompare(answer);
      else if (answer.kind === "sums") this.#takeSums(answer);
      return "worked";
    }
    if (this.#sends.length > 0) {
      this.#sendSome();
      return "worked";
    }
    if (this.#directories.length > 0) {
      if (this.#compares.size >= COMPARES_PENDING_MAX) return "waiting";
      await this.#takeDirectory(this.#directories.pop() as DirectoryWork);
      return "worked";
    }
    if (this.#compares.size + this.#sums.size > 0) return "waiting";
    return this.#finish();
  }

  /**
   * What was renamed meanwhile may have left a place still to be compared for one that is done, or one that queued work names:
   * the new place is compared (again).
   */
  #followRenames(): void {
    const { tree, suspect, mode } = this.options;
    const position = tree.renamePosition;
    if (position === this.#renamesSeen) return;
    const renames = this.pending === 0 ? [] : tree.renamesSince(this.#renamesSeen);
    this.#renamesSeen = position;
    if (renames === null) {
      for (let root = 0; root < tree.rootCount; root++) this.#addDirectory({ root, path: "" as BytePath, only: null, suspect, descend: true });
      return;
    }
    renames.forEach(({ root, to }, index) => {
      const path = follow(root, to, renames.slice(index + 1));
      this.#addDirectory({ root, path: parentPath(path), only: baseName(path), suspect: mode === "repair" ? "all" : suspect, descend: true });
    });
  }

  #addDirectory(work: DirectoryWork): void {
    const isQueued = this.#directories.some((d) => d.root === work.root && d.path === work.path && d.only === work.only && d.descend === work.descend);
    if (!isQueued) this.#directories.push(work);
  }

  #queueSend(root: RootIndex, path: BytePath, what: SendWork["what"], entry: MirrorEntry | null): void {
    this.#sends.push({ root, path, what, entry });
  }

  async #takeDirectory(work: DirectoryWork): Promise<void> {
    const listed = await this.options.tree.list(work.root, work.path, this.options.mode !== "full");
    if (listed === null) return;
    const entries = work.only === null ? listed : listed.filter((entry) => entry.name === work.only);
    if (this.options.mode === "full") this.#takeFull(work, entries);
    else this.#startCompares(work, entries);
    if (!work.descend) return;
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i] as MirrorEntry;
      const suspect = work.suspect === "all" && work.only !== null ? "none" : work.suspect;
      if (entry.type === "dir") this.#directories.push({ root: work.root, path: entry.path, only: null, suspect, descend: true });
    }
  }

  #takeFull(work: DirectoryWork, entries: readonly MirrorEntry[]): void {
    this.#touched[work.root]?.set(work.path, true);
    for (const entry of entries) {
      const first = this.#noteLink(work.root, entry);
      this.#queueSend(work.root, entry.path, first === undefined ? "new" : "link", entry);
    }
  }

  /** The first name of the entry's link group met in this job, if this is a further one. */
  #noteLink(root: RootIndex, entry: MirrorEntry): BytePath | undefined {
    if (entry.linkGroup === null) return undefined;
    const group = `${root}:${entry.linkGroup}`;
    const first = this.#links.get(group);
    if (first === undefined || first === entry.path || !this.#isNameOf(root, entry.path, first)) {
      this.#links.set(group, entry.path);
      return undefined;
    }
    return first;
  }

  /** The name met first may have been renamed or removed meanwhile. */
  #isNameOf(root: RootIndex, path: BytePath, other: BytePath): boolean {
    return this.options.tree.otherNames(root, path).includes(other);
  }

  #startCompares(work: DirectoryWork, entries: readonly MirrorEntry[]): void {
    const { tree, connectionId, extras } = this.options;
    const end = work.only === null ? "" : nextName(work.only);
    for (let at = 0; at === 0 || at < entries.length; at += ENTRIES_PER_COMPARE) {
      const slice = entries.slice(at, at + ENTRIES_PER_COMPARE);
      const linkTo = new Map<string, BytePath>();
      for (const entry of slice) {
        const first = this.#noteLink(work.root, entry);
        if (first !== undefined) linkTo.set(entry.name, first);
      }
      const next = entries[at + ENTRIES_PER_COMPARE];
      const seq = tree.compare(connectionId, {
        root: work.root,
        directory: work.path,
        entries: slice,
        from: at === 0 ? (work.only ?? "") : (slice[0] as MirrorEntry).name,
        until: next === undefined ? end : next.name,
        extras,
        links: linkTo,
        withDirectory: at === 0 && work.only === null,
        suspect: work.suspect,
      });
      this.#compares.set(seq, { work, entries: new Map(slice.map((entry) => [entry.name, entry])), linkTo });
    }
  }

  #takeCompare(answer: CompareAnswer): void {
    const pending = this.#compares.get(answer.seq);
    if (pending === undefined) return;
    this.#compares.delete(answer.seq);
    const { root, path } = pending.work;
    if (answer.removed > 0) this.#touched[root]?.set(path, true);
    this.progress.noteExtras(path, answer.extras, answer.removed);
    const differing = new Set<string>();
    for (const difference of withContent(answer.differs, pending.entries)) {
      differing.add(difference.name);
      this.#takeDifference(pending, difference);
    }
    for (const [name, entry] of pending.entries) if (!differing.has(name)) this.progress.skip(entry);
  }

  #takeDifference(pending: PendingCompare, difference: Difference): void {
    const { root, path } = pending.work;
    if (difference.name === "") {
      this.#touched[root]?.set(path, true);
      if (difference.why !== "attr") this.#queueSend(root, path, "new", null);
      return;
    }
    const entry = pending.entries.get(difference.name);
    if (entry === undefined) return;
    const linkTo = pending.linkTo.get(difference.name);
    if (difference.why === "attr") {
      this.#queueSend(root, entry.path, "attr", entry);
      return;
    }
    this.#touched[root]?.set(path, true);
    if (linkTo !== undefined) this.#queueSend(root, entry.path, "link", entry);
    else this.#queueSend(root, entry.path, difference.why === "content" ? "content" : "new", entry);
    if (entry.type === "dir" && this.options.mode === "repair" && !pending.work.descend) {
      this.#directories.push({ root, path: entry.path, only: null, suspect: "none", descend: true });
    }
  }

  #sendSome(): void {
    const batch = this.#sends.splice(0, SENDS_PER_STEP);
    for (let i = 0; i < batch.length; i++) {
      this.#sendOne(batch[i] as SendWork);
      if (this.#transfer !== null) {
        this.#sends = [...batch.slice(i + 1), ...this.#sends];
        break;
      }
    }
  }

  #sendOne(work: SendWork): void {
    const { tree, connectionId } = this.options;
    const { root, path, entry } = work;
    if (entry?.type === "dir" && work.what !== "attr") this.#touched[root]?.set(path, true);
    if (work.what === "link" && entry?.linkGroup != null) {
      const to = this.#links.get(`${root}:${entry.linkGroup}`);
      if (to !== undefined && to !== path && this.#isNameOf(root, path, to)) {
        tree.shipLink(connectionId, root, path, to);
        this.progress.done(entry, 0);
        return;
      }
    }
    if (work.what === "content" && entry?.type === "file" && entry.size > WHOLE_FILE_BYTES_MAX) {
      this.#sums.set(tree.askSums(connectionId, root, path), work);
      return;
    }
    const shipment = tree.ship(connectionId, root, path, work.what === "attr" ? "attr" : "new");
    if (typeof shipment !== "string") this.#transfer = shipment;
    if (work.what !== "attr" && entry?.linkGroup != null && this.options.mode !== "full") this.#relink(root, path);
    if (entry !== null) this.progress.done(entry, typeof shipment === "string" && work.what !== "attr" ? entry.size : 0);
  }

  /** What is sent as new is another inode on the receiver than before: its further names there still show the old one. */
  #relink(root: RootIndex, path: BytePath): void {
    if (this.#transfer !== null) {
      this.#relinkLater = { root, path };
      return;
    }
    const { tree, connectionId } = this.options;
    for (const other of tree.otherNames(root, path)) {
      tree.shipLink(connectionId, root, other, path);
      this.#touched[root]?.set(parentPath(other), true);
    }
  }

  #takeSums(answer: SumsAnswer): void {
    const work = this.#sums.get(answer.seq);
    this.#sums.delete(answer.seq);
    if (work === undefined) return;
    const { tree, connectionId } = this.options;
    const shipment =
      answer.base === null ? tree.ship(connectionId, work.root, work.path, "new") : tree.shipAgainst(connectionId, work.root, work.path, answer.sums);
    if (typeof shipment !== "string") this.#transfer = shipment;
    if (answer.base === null && work.entry?.linkGroup != null) this.#relink(work.root, work.path);
    if (work.entry !== null) this.progress.done(work.entry, 0);
  }

  #stepTransfer(): "worked" {
    const transfer = this.#transfer as MirrorTransfer;
    const before = transfer.sentBytes;
    const result = transfer.step();
    this.progress.addBytes(transfer.sentBytes - before);
    if (result === "more") return "worked";
    this.#transfer = null;
    const relink = this.#relinkLater;
    this.#relinkLater = null;
    if (relink !== null) this.#relink(relink.root, relink.path);
    return "worked";
  }

  /** Children were made and removed after their directories: set the directories' times last. */
  #finish(): "worked" | "done" {
    this.#touched.forEach((paths, root) => {
      for (const path of paths.keys()) this.#queueSend(root, path, "attr", null);
      paths.clear();
    });
    this.#links.clear();
    if (this.#sends.length > 0) return "worked";
    this.options.tree.flush();
    return "done";
  }
}

/** The least name beyond `name` that bounds a slice of it alone; "" when there is none. A name of full length has no longer ones behind it. */
function nextName(name: string): string {
  if (name.length < NAME_BYTES_MAX) return `${name}\x01`;
  const head = name.replace(/\xff+$/, "");
  return head === "" ? "" : `${head.slice(0, -1)}${String.fromCharCode(head.charCodeAt(head.length - 1) + 1)}`;
}

/** A directory that was not there to be compared lacks everything that should be in it. */
function withContent(differs: readonly Difference[], entries: ReadonlyMap<string, MirrorEntry>): readonly Difference[] {
  const isThere = !differs.some(({ name, why }) => name === "" && why !== "attr");
  return isThere ? differs : [...differs, ...[...entries.keys()].map((name): Difference => ({ name, why: "missing" }))];
}

/** Where the renames took what was at `path`. */
function follow(root: RootIndex, path: BytePath, renames: readonly ShippedRename[]): BytePath {
  return renames.reduce(
    (at, rename) => (rename.root === root && isBelow(at, rename.path) ? (`${rename.to}${at.slice(rename.path.length)}` as BytePath) : at),
    path,
  );
}
