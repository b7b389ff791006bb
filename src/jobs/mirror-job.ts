// A mirror of one connection: brings the target to the source's state while replication runs, in small steps between live changes.
// full: everything is sent, and what the target has beyond it is found. difference: directories are compared on the target,
// what differs is sent. repair: the same for single paths, for as long as the connection lives.

import type { BytePath } from "../model/byte-path.js";
import { type Answer, type CompareAnswer, type Difference, type RootIndex, type SharedName, WHOLE_FILE_BYTES_MAX } from "../model/change.js";
import type { DirtyPlace } from "../model/dirty-place.js";
import type { MirrorEntry } from "../model/mirror-port.js";
import type { MirrorPointer } from "../model/mirror-wish.js";
import { AskedCompares } from "./asked-compares.js";
import { withContent } from "./compare-answer.js";
import { slicesOf } from "./compare-slices.js";
import {
  type DirectoryWork,
  isSameWork,
  meantOf,
  sliceOf,
  spanOf,
  workBelow,
  worksOf,
  worksOfLooks,
  worksOfPlace,
  worksOfRenames,
  worksOfRepair,
  worksOfWalk,
} from "./directory-work.js";
import { isBlocked, isLeftAlone, isTaken } from "./left-alone.js";
import { LinkGroups } from "./link-groups.js";
import type { MirrorJobOptions, PendingCompare } from "./mirror-job-options.js";
import { MirrorProgress, totalsOf } from "./mirror-progress.js";
import { MirrorSends } from "./mirror-sends.js";
import { nextName, type Span } from "./name-slice.js";
import { BlockLooks, type BlockVerdict } from "./verify-blocks.js";
import { type Divided, WalkPointer } from "./walk-pointer.js";
import { belowYoung, suspectWithin } from "./young-directory.js";

export class MirrorJob {
  readonly options: MirrorJobOptions;
  readonly progress = new MirrorProgress();
  readonly #directories: DirectoryWork[] = [];
  readonly #answers: Extract<Answer, { kind: "compare" | "sums" | "index" }>[] = [];
  readonly #compares = new AskedCompares<PendingCompare>();
  readonly #links: LinkGroups;
  readonly #sends: MirrorSends;
  /** Large files that look equal, when the contents of all are compared. */
  readonly #contents: BlockLooks;
  readonly #pointer: WalkPointer;
  /** First names that are left alone, something of another type being there: their further names cannot be linked to it. */
  readonly #inTheWay = new Set<string>();
  /** Names left shared inodes before all names were compared: for a name that was left alone there, size and time do not vouch. */
  #distrusts = false;
  #renamesSeen: number;
  #isListing = false;

  constructor(options: MirrorJobOptions) {
    this.options = options;
    this.#links = new LinkGroups(options.tree, () => this.progress.settle());
    this.#contents = new BlockLooks(options);
    this.#pointer = new WalkPointer(options);
    this.#sends = new MirrorSends(options, this.#links, this.progress, this.#pointer, (work) => this.#directories.push(work));
    this.#renamesSeen = options.tree.renamePosition;
    if (options.mode === "repair") return;
    if (options.isSized) this.progress.begin(options.places === null ? options.tree.totals() : totalsOf(options.tree, options.places));
    this.#directories.push(...worksOfWalk(options));
    for (const { root, path } of this.#pointer.exceptions) this.#directories.push(...worksOfPlace(root, path, options.suspect));
    if (options.mode !== "full" || options.places !== null) return;
    for (let root = 0; root < options.tree.rootCount; root++) this.#sends.add(root, "" as BytePath, "new", null);
  }

  /** Work that waits for an answer, or is still to be done. */
  get pending(): number {
    const works = this.#directories.length + this.#sends.pending + this.#links.unsettled + (this.#isListing ? 1 : 0);
    return works + this.#compares.size + this.#answers.length + this.#contents.size;
  }

  get hasWork(): boolean {
    if (this.#sends.hasWork || this.#answers.length > 0 || this.#contents.hasWork) return true;
    if (this.#directories.length > 0) return this.#mayWalk;
    return this.#links.unsettled > 0 && this.#compares.size + this.#sends.pending + this.#contents.size === 0;
  }

  get #mayWalk(): boolean {
    const isDraining = this.#pointer.wantsDrain && !this.#isDrained;
    return this.#compares.hasRoom && this.#contents.mayTakeMore && !isDraining;
  }

  get #isDrained(): boolean {
    return this.#compares.size + this.#answers.length + this.#contents.size + this.#sends.pending === 0;
  }

  /** All before it is emitted. Null = nothing is known to be; undefined = that is not worth knowing. */
  get doneThrough(): MirrorPointer | null | undefined {
    return this.#pointer.now;
  }

  takeAnswer(answer: Answer): boolean {
    if (answer.kind !== "compare" && answer.kind !== "sums" && answer.kind !== "index") return false;
    const isCompare = answer.kind === "compare" && this.#compares.has(answer);
    if (!isCompare && !this.#sends.hasAsked(answer.seq) && !this.#contents.hasAsked(answer.seq)) return false;
    this.#answers.push(answer);
    return true;
  }

  /** The answer to `seq` may have been lost with a channel: ask again. */
  askAgain(seq: number): boolean {
    const compares = this.#compares.takeSet(seq);
    // What is below was taken up when these were.
    for (const { work } of compares) this.#directories.push({ ...work, descend: false });
    if (compares.length > 0) return true;
    return this.#contents.askAgain(seq) || this.#sends.askAgain(seq);
  }

  /**
   * Compares `path` (and its ancestors' existence) and, for a directory, all below; content is not trusted. `sinceSeq`: the set
   * in which it had that name; whatever it was renamed to since (in that very set or behind it) is compared as well. `descends`: false
   * = what is in a directory is compared only where the target lacks the directory.
   */
  addRepair(root: RootIndex, path: BytePath, sinceSeq = Number.POSITIVE_INFINITY, descends = true): void {
    if (path === "" && !descends) this.#sends.add(root, path, "attr", null);
    else for (const work of worksOfRepair(this.options.tree, root, path, sinceSeq, descends)) this.#addDirectory(work);
  }

  /**
   * Brings these places to the state of the source. Contents are compared where they are named, and below where they changed
   * since then (ms, by ctime).
   */
  addPlaces(places: readonly DirtyPlace[], changedSinceMs: number): void {
    for (const { root, path, level } of places) if (path === "" && level === "entry") this.#sends.add(root, path, "attr", null);
    this.#directories.push(...worksOf(places, changedSinceMs));
  }

  /** One bounded piece of work. "done" once nothing is left; a repair job is done whenever it is idle. */
  async step(): Promise<"worked" | "waiting" | "done"> {
    this.#followRenames();
    // Before answers: one of them may begin the next transfer, and there is one at a time.
    if (this.#sends.isInTransfer) {
      this.#sends.stepTransfer();
      return "worked";
    }
    const answer = this.#answers.shift();
    if (answer !== undefined) {
      if (answer.kind === "compare") this.#takeCompare(answer);
      else if (answer.kind === "sums" && this.#contents.hasAsked(answer.seq)) this.#contents.take(answer);
      else this.#sends.takeContent(answer);
      return "worked";
    }
    if (this.#sends.hasWork) {
      this.#sends.sendSome(this.#directories);
      return "worked";
    }
    const block = this.#contents.step();
    if (block !== null) {
      if (block !== "worked") this.#takeBlocks(block);
      return "worked";
    }
    if (this.#directories.length > 0) {
      if (!this.#mayWalk) return "waiting";
      const work = this.#directories.pop() as DirectoryWork;
      // Where everything is sent, no answer is waited for.
      const isSettled = this.options.mode === "full" || (this.#isDrained && this.#links.unsettled === 0);
      this.#pointer.begin(work, { isDrained: this.#isDrained, isSettled });
      await this.#takeNextDirectory(work);
      return "worked";
    }
    if (this.#compares.size + this.#sends.pending + this.#contents.size > 0) return "waiting";
    if (this.#links.unsettled > 0) {
      this.#directories.push(...worksOfLooks(this.#links.takeUnsettled()));
      return "worked";
    }
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
      for (const work of worksOfWalk(this.options)) this.#addDirectory(work);
      this.#pointer.restart();
      return;
    }
    for (const work of worksOfRenames(renames, mode === "repair" ? "all" : suspect)) this.#addDirectory(work);
  }

  #addDirectory(work: DirectoryWork): void {
    if (!this.#directories.some((queued) => queued.again === null && isSameWork(queued, work))) this.#directories.push(work);
  }

  async #takeNextDirectory(work: DirectoryWork): Promise<void> {
    this.#isListing = true;
    try {
      await this.#takeDirectory(work);
    } catch (error) {
      // The root is away: the job goes on with the same directory when it is back.
      this.#directories.push(work);
      throw error;
    } finally {
      this.#isListing = false;
    }
  }

  async #takeDirectory(work: DirectoryWork): Promise<void> {
    const pointer = this.#pointer;
    const listed = await this.options.tree.list(work.root, work.path, !pointer.isFull(work) || pointer.isAt(work));
    if (listed === null) return this.#sends.missDirectory(work);
    if (work.names !== undefined) {
      const byName = new Map(listed.map((entry) => [entry.name, entry]));
      for (const name of work.names) {
        const entry = byName.get(name);
        this.#startCompares(sliceOf(work, name), entry === undefined ? [] : [entry]);
      }
      return;
    }
    const entries = meantOf(work, listed);
    const divided = pointer.divide(work, entries);
    if (divided !== null) this.#takeDivided(work, divided);
    else if (pointer.isFull(work)) this.#takeFull(work, entries, spanOf(work));
    else this.#startCompares({ ...work, suspect: suspectWithin(this.options.tree, work) }, entries);
    if (!work.descend) return;
    for (let i = entries.length - 1; i >= 0; i--) {
      const { type, path } = entries[i] as MirrorEntry;
      if (type === "dir") this.#directories.push(belowYoung(this.options.tree, workBelow(work, path, pointer.wasMoved(work, path))));
    }
  }

  /** The entry that the earlier part may have been in the middle of is compared by its content: what came of it is not sent again. */
  #takeDivided(work: DirectoryWork, { name, done, at, ahead }: Divided): void {
    const end = nextName(name);
    this.#startCompares(work, done, { from: "", until: name });
    this.#startCompares({ ...sliceOf(work, name), suspect: "all" }, at, { from: name, until: end });
    if (end !== "") this.#takeFull(work, ahead, { from: end, until: "" });
  }

  #takeFull(work: DirectoryWork, entries: readonly MirrorEntry[], span: Span): void {
    if (work.again !== null) {
      for (const entry of entries) this.#makeAnew(work.root, entry);
      return;
    }
    if (this.options.extras !== "keep") this.#startCompares(work, entries, span, true);
    this.#sends.touch(work.root, work.path);
    for (const entry of entries) {
      if (this.progress.leaveEmpty(this.options, entry, null)) continue;
      this.#sends.add(work.root, entry.path, this.#links.note(work.root, entry) === undefined ? "new" : "link", entry, work, true);
    }
  }

  /** `isFull`: only what the target has beyond the source is to be told. */
  #startCompares(work: DirectoryWork, entries: readonly MirrorEntry[], span: Span = spanOf(work), isFull = false): void {
    const { tree, connectionId, extras, newerOnly } = this.options;
    const hashesSmallFiles = this.#pointer.comparesAll(work);
    const suspect = isFull ? "none" : this.#distrusts ? "all" : work.suspect;
    slicesOf(entries, hashesSmallFiles || suspect !== "none").forEach((slice, index, slices) => {
      const linkTo = new Map<string, BytePath>();
      for (const entry of isFull ? [] : slice) {
        const first = this.#links.note(work.root, entry);
        if (first !== undefined) linkTo.set(entry.name, first);
      }
      const next = slices[index + 1]?.[0];
      const seq = tree.compare(connectionId, {
        root: work.root,
        directory: work.path,
        entries: slice,
        from: index === 0 ? span.from : (slice[0] as MirrorEntry).name,
        until: next === undefined ? span.until : next.name,
        extras: work.again === null ? extras : "keep",
        links: linkTo,
        withDirectory: !isFull && index === 0 && work.only === null && work.again === null,
        suspect,
        ...(hashesSmallFiles || newerOnly ? { look: { hashesSmallFiles, settlesExtras: true } } : {}),
      });
      this.#compares.add({ seq, ...work }, { work, isFull, entries: new Map(slice.map((entry) => [entry.name, entry])), linkTo });
    });
  }

  #takeCompare(answer: CompareAnswer): void {
    const pending = this.#compares.take(answer);
    if (pending === undefined) return;
    if (answer.removed > 0) this.#sends.touch(pending.work.root, pending.work.path);
    this.progress.noteExtras(pending.work.path, answer.extras, answer.removed);
    if (pending.isFull) return;
    if (this.options.missingOnly === true && isBlocked(answer.differs)) {
      for (const entry of pending.entries.values()) this.progress.leaveAlone(entry);
      return;
    }
    const shared = new Set(answer.shared?.map(({ name }) => name));
    const differing = new Set<string>();
    for (const difference of withContent(answer.differs, pending.entries)) {
      differing.add(difference.name);
      this.#takeDifference(pending, difference, shared.has(difference.name));
    }
    for (const [name, entry] of pending.entries) if (!differing.has(name)) this.#takeEqual(pending, entry, shared.has(name));
    this.#takeShared(pending, answer.shared ?? [], differing);
  }

  #takeEqual({ work, linkTo }: PendingCompare, entry: MirrorEntry, isShared: boolean): void {
    if (work.again?.isCertain === true) this.#makeAnew(work.root, entry);
    // Of the names of one file the first counts.
    if (work.again !== null || linkTo.has(entry.name)) return;
    const isToRead = this.#pointer.comparesAll(work) && entry.type === "file" && entry.size > WHOLE_FILE_BYTES_MAX;
    if (isToRead) this.#contents.ask({ root: work.root, directory: work.path, entry, suspect: null, stamp: null, isShared });
    else this.progress.skip(entry);
  }

  /** Shared with other names on the target, it is made anew: put right in place, it would change them. */
  #takeBlocks({ ask: { root, entry, isShared = false }, differingBytes }: BlockVerdict): void {
    if (differingBytes > 0 && !isShared) {
      this.#sends.add(root, entry.path, "content", entry);
      return;
    }
    this.progress.skip(entry);
    if (differingBytes > 0) this.#links.differs(root, entry.path);
  }

  #takeShared({ work, entries }: PendingCompare, shared: readonly SharedName[], differing: ReadonlySet<string>): void {
    const { root, again } = work;
    for (const [name, one] of new Map(shared.map((each) => [each.name, each]))) {
      const entry = entries.get(name);
      if (entry === undefined) continue;
      if (again === null) this.#links.judge(root, entry, one, !differing.has(name));
      else if (!again.isCertain && !differing.has(name) && one.links > entry.links) this.#makeAnew(root, entry);
    }
    if (!this.#links.isCrowded) return;
    this.#distrusts = true;
    this.#directories.push(...worksOfLooks(this.#links.takeUnsettled()));
  }

  /** It is as it should be, but for the company it keeps on the target. */
  #makeAnew(root: RootIndex, entry: MirrorEntry): void {
    this.progress.recall(entry);
    this.options.missingOnly === true ? this.progress.leaveAlone(entry) : this.#sends.addAnew(root, entry);
  }

  #takeDifference(pending: PendingCompare, difference: Difference, isShared: boolean): void {
    const { root, path, again } = pending.work;
    if (difference.name === "") {
      this.#sends.touch(root, path);
      if (difference.why !== "attr") this.#sends.add(root, path, "new", null);
      return;
    }
    const entry = pending.entries.get(difference.name);
    if (entry !== undefined && again?.isCertain === true) this.#makeAnew(root, entry);
    else if (entry !== undefined) this.#sendDifference(pending, entry, difference, isShared);
  }

  #sendDifference({ work, linkTo }: PendingCompare, entry: MirrorEntry, difference: Difference, isShared: boolean): void {
    const { root, path, again } = work;
    if (again !== null) this.progress.recall(entry);
    const first = linkTo.get(difference.name);
    if (this.progress.leaveEmpty(this.options, entry, difference.why)) return;
    if (this.#isLeftAlone(root, entry, difference, first)) {
      this.progress.leaveAlone(entry);
      return;
    }
    const isFurther = first !== undefined;
    if ((isShared || (difference.why === "link" && !isFurther)) && this.options.mode !== "repair" && again === null) {
      if (entry.type !== "dir") {
        this.progress.skip(entry);
        this.#links.differs(root, entry.path, !isFurther);
        return;
      }
      this.#distrusts = true;
    }
    if (difference.why !== "attr") this.#sends.touch(root, path);
    if (difference.why === "attr") this.#sends.add(root, entry.path, "attr", entry);
    else if (isFurther) this.#sends.add(root, entry.path, "link", entry);
    else if (difference.why === "link") this.#sends.addAnew(root, entry);
    else this.#sends.add(root, entry.path, difference.why === "content" ? "content" : "new", entry, work);
    if (entry.type === "dir" && this.options.mode === "repair" && !work.descend && difference.why !== "attr") {
      this.#directories.push({ root, path: entry.path, only: null, again: null, suspect: "none", descend: true });
    }
  }

  #isLeftAlone(root: RootIndex, { type, path }: MirrorEntry, { why, found }: Difference, first: BytePath | undefined): boolean {
    const { newerOnly, missingOnly, tree } = this.options;
    if (missingOnly === true) return isTaken(type, why);
    if (!newerOnly || why === "attr") return false;
    const isLeft = isLeftAlone(type, tree.stampOf(root, path), found);
    if (isLeft && why === "type") this.#inTheWay.add(`${root}:${path}`);
    return isLeft || (first !== undefined && this.#inTheWay.has(`${root}:${first}`));
  }

  /** What is open is closed, when it is ended before its time. */
  close(): void {
    this.#contents.close();
  }

  #finish(): "worked" | "done" {
    this.#sends.addTouched();
    this.#links.clear();
    if (this.#sends.hasWork) return "worked";
    this.options.tree.flush();
    return "done";
  }
}
