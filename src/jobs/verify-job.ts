// A verification of one connection: is the target as the source is? Directories are compared in the one sequence of change sets,
// so each answer is about one moment; what differs at first sight is looked at again behind what was on its way. Nothing is changed.
//   directory ─▶ compare ─▶ differs? ─▶ suspect ─▶ again, and again ─▶ finding
//                        └▶ equal, large, contents wanted ─▶ block signatures ─▶ differs? ─▶ suspect

import { type Clock, systemClock } from "../base/clock.js";
import { type BytePath, baseName, isBelow, joinPath, parentPath, ROOT_PATH } from "../model/byte-path.js";
import {
  type Answer,
  type CompareAnswer,
  type CompareChange,
  type Difference,
  type EntryType,
  type RootIndex,
  type SumsAnswer,
  WHOLE_FILE_BYTES_MAX,
} from "../model/change.js";
import type { EntryStamp, InodeKey, MirrorEntry } from "../model/mirror-port.js";
import { firstPosition, positionOf, type VerifyPosition } from "../model/verify-position.js";
import { AskedCompares } from "./asked-compares.js";
import { LinkGroups } from "./link-groups.js";
import { totalsOf } from "./mirror-progress.js";
import { sliceOfName } from "./name-slice.js";
import { costOf, pieceBlocks, ReadBudget } from "./read-budget.js";
import { BlockLooks, type BlockVerdict } from "./verify-blocks.js";
import { differencesOf, isSameStamp } from "./verify-differences.js";
import type { VerifyJobOptions } from "./verify-job-options.js";
import { pathOf, type Suspect, SuspectBook, type SuspectGroup } from "./verify-suspects.js";
import { VerifyTally } from "./verify-tally.js";
import { VerifyWalk, type WalkSlice } from "./verify-walk.js";

export type { VerifyFlagged, VerifyJobOptions, VerifySeen, VerifyVerdict } from "./verify-job-options.js";

interface Place {
  readonly root: RootIndex;
  readonly path: BytePath;
}

/** A compare that waits for its answer, as it was asked. `stamps`: of a second look, each as it was before. */
interface Look extends Place, CompareHow {
  readonly entries: ReadonlyMap<string, MirrorEntry>;
  readonly stamps: ReadonlyMap<string, EntryStamp | null>;
}

/** The walk waits while there are more. */
const SUSPECTS_MAX = 20_000;

export class VerifyJob {
  readonly tally = new VerifyTally();
  readonly #options: VerifyJobOptions;
  readonly #clock: Clock;
  readonly #walk: VerifyWalk;
  readonly #budget: ReadBudget | null;
  #isPaused = false;
  readonly #answers: (CompareAnswer | SumsAnswer)[] = [];
  readonly #looks = new AskedCompares<Look>();
  readonly #links: LinkGroups;
  readonly #suspects = new SuspectBook();
  readonly #blocks: BlockLooks;

  constructor(options: VerifyJobOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { tree, connectionId, content, places = null, extras = "report", start = null, bytesPerSecond = null } = options;
    this.#links = new LinkGroups(tree);
    this.#budget = bytesPerSecond === null ? null : new ReadBudget(bytesPerSecond, this.#clock);
    const pieces = this.#budget === null || bytesPerSecond === null ? null : { blocks: pieceBlocks(bytesPerSecond), budget: this.#budget };
    this.#blocks = new BlockLooks({ connectionId, tree, pieces });
    this.tally.begin(places === null ? tree.totals() : totalsOf(tree, places));
    const isOpen = (place: Place): boolean => this.#isOpen(place);
    this.#walk = new VerifyWalk({ tree, readsContent: content === "all", places, extras, start, isOpen });
  }

  /** Nothing more is begun; what was asked for is taken in. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#blocks.isPaused = isPaused;
  }

  /** All that is in front of it is judged; null = all is. */
  get position(): VerifyPosition | null {
    return firstPosition(this.#openPositions());
  }

  /** False: so much moved meanwhile that some of it may not have been compared. */
  get isWhole(): boolean {
    return this.#walk.isWhole;
  }

  /** Also while nothing is begun: renames are known for a while only, and another job may go on where this one is. */
  followRenames(): void {
    this.#walk.followRenames();
  }

  #isOpen({ root, path }: Place): boolean {
    for (const ask of this.#blocks.asks()) if (ask.root === root && isBelow(ask.entry.path, path)) return true;
    for (const suspect of this.#suspects.all()) if (suspect.root === root && isBelow(pathOf(suspect), path)) return true;
    // What its answer accuses would be looked for where it was.
    for (const look of this.#looks.values()) {
      if (look.root !== root) continue;
      if (isBelow(look.path, path) || (look.path === parentPath(path) && look.entries.has(baseName(path)))) return true;
    }
    return false;
  }

  *#openPositions(): Generator<VerifyPosition> {
    yield* this.#walk.positions();
    for (const { root, path, from } of this.#looks.values()) yield positionOf(root, path, from);
    for (const { root, directory, name } of this.#suspects.all()) yield positionOf(root, directory, name);
    for (const { root, directory, entry } of this.#blocks.asks()) yield positionOf(root, directory, entry.name);
  }

  get hasWork(): boolean {
    if (this.#answers.length > 0 || this.#blocks.hasWork || this.isDone) return true;
    if (this.#isPaused) return false;
    return this.#suspects.isDue(this.#clock.monotonicMs()) || (!this.#walk.isOver && this.#mayWalk);
  }

  get isDone(): boolean {
    return this.#walk.isOver && this.#answers.length + this.#looks.size + this.#suspects.size + this.#blocks.size === 0;
  }

  get #mayWalk(): boolean {
    const isFree = this.#looks.hasRoom && this.#suspects.size < SUSPECTS_MAX && this.#blocks.mayTakeMore;
    return isFree && !this.#isPaused && this.#budget?.hasRoom !== false;
  }

  takeAnswer(answer: Answer): boolean {
    if (answer.kind === "compare" && this.#looks.has(answer)) this.#answers.push(answer);
    else if (answer.kind === "sums" && this.#blocks.hasAsked(answer.seq)) this.#answers.push(answer);
    else return false;
    return true;
  }

  /** The answer to `seq` may have been lost with a channel: ask again. */
  askAgain(seq: number): boolean {
    const looks = this.#looks.takeSet(seq);
    if (looks.length === 0) return this.#blocks.askAgain(seq);
    for (const look of looks) {
      // The very same slice: other names of the target in it are extras still.
      if (look.group === null) this.#compare(look, [...look.entries.values()], look);
      else for (const suspect of look.group.suspects) this.#suspects.putBack(suspect);
    }
    return true;
  }

  /** One bounded piece of work. */
  async step(): Promise<"worked" | "waiting" | "done"> {
    this.#walk.followRenames();
    if (this.isDone) return "done";
    const answer = this.#answers.shift();
    if (answer !== undefined) {
      if (answer.kind === "compare") this.#takeCompare(answer);
      else this.#blocks.take(answer);
      return "worked";
    }
    const block = this.#blocks.step();
    if (block !== null) {
      if (block !== "worked") this.#takeBlocks(block);
      return "worked";
    }
    if (this.#isPaused) return "waiting";
    const due = this.#suspects.take(this.#clock.monotonicMs());
    if (due !== null) {
      await this.#lookAgain(due);
      return "worked";
    }
    if (this.#walk.isOver || !this.#mayWalk) return "waiting";
    const slice = await this.#walk.next();
    if (slice !== null) this.#look(slice);
    return "worked";
  }

  #look({ isFirst, entries, root, path, ...how }: WalkSlice): void {
    if (isFirst) this.tally.directory();
    this.#compare({ root, path }, entries, { ...how, group: null });
  }

  #compare(place: Place, entries: readonly MirrorEntry[], how: CompareHow): void {
    const { tree, connectionId, content, suspect = "none" } = this.#options;
    const { from, until, extras, group, withDirectory } = how;
    this.#budget?.spend(costOf(entries));
    const links = new Map<string, BytePath>();
    const stamps = new Map<string, EntryStamp | null>();
    for (const suspect of group?.suspects ?? []) stamps.set(suspect.name, tree.stampOf(place.root, pathOf(suspect)));
    for (const entry of entries) {
      const first = this.#links.note(place.root, entry);
      if (first !== undefined) links.set(entry.name, first);
    }
    const seq = tree.compare(connectionId, {
      root: place.root,
      directory: place.path,
      entries,
      from,
      until,
      extras,
      links,
      withDirectory,
      suspect,
      look: { hashesSmallFiles: content === "all", settlesExtras: false },
    });
    const asked = { from, until, extras, group, withDirectory, entries: new Map(entries.map((entry) => [entry.name, entry])), stamps };
    this.#looks.add({ seq, ...place }, { ...place, ...asked });
  }

  #takeCompare(answer: CompareAnswer): void {
    const look = this.#looks.take(answer);
    if (look === undefined) return;
    const differs = differencesOf(answer, look.entries);
    if (look.group !== null) {
      this.#takeSecond(look, look.group, differs, new Set(answer.extras));
      return;
    }
    for (const entry of look.entries.values()) if (!differs.has(entry.name)) this.#takeEqual(look.root, look.path, entry);
    for (const difference of differs.values()) this.#suspect(look, difference);
    for (const name of answer.extras) this.#addSuspect({ root: look.root, directory: look.path, name, type: null, way: "extra", why: "extra", found: null });
  }

  #takeEqual(root: RootIndex, directory: BytePath, entry: MirrorEntry): void {
    const isToRead = this.#options.content === "all" && entry.type === "file" && entry.size > WHOLE_FILE_BYTES_MAX && !this.#isFurther(root, entry);
    if (isToRead) this.#blocks.ask({ root, directory, entry, suspect: null, stamp: null });
    else this.#equal(root, entry);
  }

  #equal(root: RootIndex, entry: Pick<MirrorEntry, "path" | "size"> & { readonly type: EntryType | null; readonly inode: InodeKey | null }): void {
    const { path, type, size, inode } = entry;
    this.tally.equal(type, size);
    if (inode !== null) this.#options.onEqual?.({ root, path, type, size, isFurther: this.#isFurther(root, { path, inode }) });
  }

  #isFurther(root: RootIndex, { path, inode }: { readonly path: BytePath; readonly inode: InodeKey | null }): boolean {
    return inode !== null && this.#links.firstOf(root, { path, inode }) !== undefined;
  }

  #suspect({ root, path, entries }: Look, { name, why, found }: Difference): void {
    // A directory is an entry of the one above, which tells of it as well.
    if (name === "" && path !== ROOT_PATH) return;
    const type = name === "" ? "dir" : (entries.get(name)?.type ?? null);
    this.#addSuspect({ root, directory: path, name, type, way: "entry", why, found: found ?? null });
  }

  #addSuspect(suspect: Omit<Suspect, "looks" | "tries" | "dueMs" | "stamp" | "differingBytes">): void {
    const path = joinPath(suspect.directory, suspect.name);
    const stamp = this.#options.tree.stampOf(suspect.root, suspect.name === "" ? suspect.directory : path);
    this.#suspects.add({ ...suspect, stamp, differingBytes: null }, this.#clock.monotonicMs());
  }

  /** As before, behind what was on its way then. */
  async #lookAgain(group: SuspectGroup): Promise<void> {
    const { root, directory, suspects } = group;
    const listed = await this.#options.tree.list(root, directory, true);
    // What moved away just now is compared where it is, as long as it is a suspect here.
    this.#walk.followRenames();
    if (listed === null) {
      // Either it is gone from the source, and what was in it: another look, at its parent, tells of that. Or nobody told yet where it went.
      const isKnown = this.#options.tree.inodeAt(root, directory) !== null;
      if (isKnown) this.#options.tree.seek(root, directory);
      for (const suspect of suspects) this.#settle(suspect, { differs: isKnown, isStill: !isKnown });
      return;
    }
    const [first] = suspects;
    const names = new Set(suspects.map(({ name }) => name));
    const entries = listed.filter(({ name }) => names.has(name));
    if (first?.way === "blocks") {
      const entry = entries[0];
      if (entry === undefined || entry.type !== "file") this.#settle(first, { differs: false, isStill: true });
      else this.#blocks.ask({ root, directory, entry, suspect: first, stamp: this.#options.tree.stampOf(root, entry.path) });
      return;
    }
    const place = { root, path: directory };
    if (first?.way === "extra") {
      for (const suspect of suspects) {
        if (listed.some(({ name }) => name === suspect.name)) this.#settle(suspect, { differs: false, isStill: true });
        else
          this.#compare(place, [], {
            ...sliceOfName(suspect.name),
            extras: this.#options.extras ?? "report",
            group: { ...group, suspects: [suspect] },
            withDirectory: false,
          });
      }
      return;
    }
    for (const suspect of suspects)
      if (suspect.name !== "" && !entries.some(({ name }) => name === suspect.name)) this.#settle(suspect, { differs: false, isStill: true });
    const left = suspects.filter(({ name }) => name === "" || entries.some((entry) => entry.name === name));
    if (left.length > 0) this.#compare(place, entries, { ...WHOLE, extras: "keep", group: { ...group, suspects: left }, withDirectory: names.has("") });
  }

  #takeSecond(look: Look, group: SuspectGroup, differs: ReadonlyMap<string, Difference>, extras: ReadonlySet<string>): void {
    for (const suspect of group.suspects) {
      const difference = differs.get(suspect.name);
      const isExtra = suspect.way === "extra";
      const stamp = this.#options.tree.stampOf(suspect.root, pathOf(suspect));
      const isStill = isSameStamp(stamp, look.stamps.get(suspect.name) ?? null) && isSameStamp(stamp, suspect.stamp);
      suspect.stamp = stamp;
      if (!isExtra && difference !== undefined) {
        suspect.why = difference.why;
        suspect.found = difference.found ?? null;
      }
      this.#settle(suspect, { differs: isExtra ? extras.has(suspect.name) : difference !== undefined, isStill });
    }
  }

  #takeBlocks({ ask, differingBytes, isStill }: BlockVerdict): void {
    const { root, directory, entry, suspect } = ask;
    if (suspect !== null) {
      suspect.differingBytes = differingBytes;
      if (suspect.way === "blocks") this.#settle(suspect, { differs: differingBytes > 0, isStill: isStill && isSameStamp(ask.stamp, suspect.stamp) });
      // Convicted already: only how much of it differs was to be told. Equal contents leave its attributes; what is only longer on the target is not equal.
      else this.#accuse(differingBytes === 0 && (suspect.found?.size ?? entry.size) === entry.size ? { ...suspect, why: "attr" } : suspect);
      suspect.stamp = ask.stamp;
    } else if (differingBytes === 0) {
      this.#equal(root, entry);
    } else {
      this.#addSuspect({ root, directory, name: entry.name, type: "file", way: "blocks", why: "content", found: null });
    }
  }

  #settle(suspect: Suspect, seen: { readonly differs: boolean; readonly isStill: boolean }): void {
    const verdict = this.#suspects.settle(suspect, seen, this.#clock.monotonicMs());
    const { root, way, name, type, stamp } = suspect;
    const path = pathOf(suspect);
    if (verdict === "innocent" && way !== "extra" && name !== "") this.#equal(root, { path, type, size: stamp?.size ?? 0, inode: this.#inodeAt(root, path) });
    else if (verdict === "unjudged") this.tally.unjudged(suspect.type, suspect.stamp?.size ?? 0);
    else if (verdict === "guilty") this.#convict(suspect);
  }

  #inodeAt(root: RootIndex, path: BytePath): InodeKey | null {
    return this.#options.tree.inodeAt(root, path);
  }

  #isToRead({ way, why, type, stamp, found }: Suspect): boolean {
    const { content, isToRead } = this.#options;
    if (content === "times" || way !== "entry" || why !== "content" || type !== "file" || stamp === null) return false;
    return isToRead?.({ type, source: stamp, target: found }) ?? true;
  }

  #convict(suspect: Suspect): void {
    const { root, directory, name } = suspect;
    const path = pathOf(suspect);
    const inode = this.#isToRead(suspect) ? this.#inodeAt(root, path) : null;
    if (inode === null || suspect.stamp === null) this.#accuse(suspect);
    else {
      const entry: MirrorEntry = { name, path, type: "file", size: suspect.stamp.size, inode, links: 1 };
      this.#blocks.ask({ root, directory, entry, suspect, stamp: suspect.stamp });
    }
  }

  close(): void {
    this.#blocks.close();
  }

  #accuse(suspect: Suspect): void {
    const { root, why, type, stamp: source, found: target, differingBytes } = suspect;
    const path = pathOf(suspect);
    const inode = type === null || type === "dir" ? null : this.#inodeAt(root, path);
    const first = inode === null ? null : (this.#links.firstOf(root, { path, inode }) ?? null);
    const finding = { root, path, why, type, source, target, differingBytes, first };
    const isRepaired = this.#options.onFinding(finding);
    this.tally.finding(finding, isRepaired);
  }
}

/** Names beyond which nothing is told. */
const WHOLE = { from: "", until: "" };

interface CompareHow {
  readonly from: string;
  readonly until: string;
  readonly extras: CompareChange["extras"];
  readonly group: SuspectGroup | null;
  readonly withDirectory: boolean;
}
