// Orphans of one connection: what the target has and the source does not. Every question and every deed has its place in the one sequence
// of change sets, so each is about one moment; what looks like an orphan is looked at again before anything becomes of it.
//   directory ─▶ count ─▶ suspect ─▶ again, and again ─▶ orphan        all orphans ─▶ guard ─▶ deed by directory ─▶ last word
// Invariant: a name is deleted or moved only by a change that is sent in the turn in which the source was seen to lack it, and behind all that
// tells of it.

import { unreachable } from "../base/assert.js";
import { type Clock, systemClock } from "../base/clock.js";
import { type BytePath, isBelow, joinPath, ROOT_PATH } from "../model/byte-path.js";
import type { Answer, OrphanFound, OrphanPlaceName, OrphansAnswer, OrphansChange, RootIndex } from "../model/change.js";
import type { MirrorTree, ShippedRename } from "../model/mirror-port.js";
import { NO_ORPHANS, type OrphanSums } from "../model/orphan-sums.js";
import { guardOf, type OrphanFinding, type OrphanOptions, type OrphanOutcome } from "../model/orphans.js";
import { follow } from "./follow-renames.js";
import { movedOrphan, type Orphan, OrphanBook, type OrphanGroup } from "./orphan-book.js";
import { type OrphanPlace, OrphanWalk } from "./orphan-walk.js";
import { OrphansTally } from "./orphans-tally.js";
import { type Suspect, SuspectBook, type SuspectGroup } from "./verify-suspects.js";

export interface OrphansJobOptions {
  readonly connectionId: number;
  readonly orphans: OrphanOptions;
  readonly confirmFiles: number;
  /** Where orphans are moved to; null = nowhere. */
  readonly place: OrphanPlaceName | null;
  readonly tree: MirrorTree;
  readonly onFinding: (finding: OrphanFinding) => void;
  readonly clock?: Clock;
}

/** A part of a directory of the source. */
interface Slice {
  readonly root: RootIndex;
  readonly path: BytePath;
  readonly names: readonly string[];
  readonly from: string;
  readonly until: string;
  /** What it has is counted: an answer told a part of it. */
  readonly isCounted: boolean;
}

type Ask =
  | { readonly kind: "walk"; readonly slice: Slice }
  | { readonly kind: "again"; readonly group: SuspectGroup }
  | { readonly kind: "deed"; readonly group: OrphanGroup }
  | { readonly kind: "end" };

const ASKS_PENDING_MAX = 16;
const NAMES_PER_ASK = 1000;
/** The walk waits while there are more. */
const SUSPECTS_MAX = 20_000;

export class OrphansJob {
  readonly tally = new OrphansTally();
  /** Why it ended before all was done; null = it did not. */
  failure: string | null = null;
  readonly #options: OrphansJobOptions;
  readonly #clock: Clock;
  readonly #beforeMs: number | null;
  readonly #walked: OrphanWalk;
  #renamesSeen: number;
  /** It is out of the book, and not asked yet. */
  #carriedOut: OrphanGroup | null = null;
  readonly #answers: OrphansAnswer[] = [];
  readonly #asks = new Map<number, Ask>();
  readonly #suspects = new SuspectBook();
  readonly #orphans = new OrphanBook();
  #phase: "look" | "deed" | "end" | "over" = "look";

  constructor(options: OrphansJobOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { tree, orphans } = options;
    this.#beforeMs = orphans.olderThanMs === null ? null : Math.max(0, Math.floor(this.#clock.nowMs() - orphans.olderThanMs));
    this.tally.begin(tree.totals().directories);
    this.#walked = new OrphanWalk(tree.rootCount);
    this.#renamesSeen = tree.renamePosition;
  }

  /** Also while nothing is done: renames are known for a while only. The deed is decided where it is done, whatever is known of that. */
  followRenames(): void {
    const { tree } = this.#options;
    const position = tree.renamePosition;
    if (position === this.#renamesSeen) return;
    const renames = tree.renamesSince(this.#renamesSeen);
    this.#renamesSeen = position;
    if (renames === null) this.#walked.isWhole = false;
    for (const rename of renames ?? []) {
      if (!rename.isDirectory) continue;
      this.#walked.follow(rename);
      this.#suspects.follow(rename);
      this.#orphans.follow(rename);
      for (const [seq, ask] of this.#asks) this.#asks.set(seq, movedAsk(ask, rename));
      this.#carriedOut = this.#carriedOut === null ? null : movedGroup(this.#carriedOut, rename);
    }
  }

  get hasWork(): boolean {
    if (this.#answers.length > 0 || this.#phase === "over" || this.#suspects.isDue(this.#clock.monotonicMs())) return true;
    if (this.#phase === "look") return (!this.#walked.isOver && this.#mayWalk) || this.#isLookedThrough;
    return this.#asks.size === 0 || (this.#phase === "deed" && this.#orphans.hasGroup && this.#asks.size < ASKS_PENDING_MAX);
  }

  get #mayWalk(): boolean {
    return this.#asks.size < ASKS_PENDING_MAX && this.#suspects.size < SUSPECTS_MAX && !this.#orphans.isFull;
  }

  get #isLookedThrough(): boolean {
    const isWalked = this.#walked.isOver || this.#orphans.isFull;
    return isWalked && this.#answers.length + this.#asks.size + this.#suspects.size === 0;
  }

  takeAnswer(answer: Answer): boolean {
    if (answer.kind !== "orphans" || !this.#asks.has(answer.seq)) return false;
    this.#answers.push(answer);
    return true;
  }

  /** The answer to `seq` may have been lost with a channel: ask again. */
  askAgain(seq: number): boolean {
    const ask = this.#asks.get(seq);
    if (ask === undefined) return false;
    this.#asks.delete(seq);
    if (ask.kind === "walk") this.#askSlice(ask.slice);
    else if (ask.kind === "again") for (const suspect of ask.group.suspects) this.#suspects.putBack(suspect);
    else if (ask.kind === "deed") this.#orphans.putBack(ask.group);
    return true;
  }

  /** One bounded piece of work. */
  async step(): Promise<"worked" | "waiting" | "done"> {
    this.followRenames();
    const answer = this.#answers.shift();
    if (answer !== undefined) {
      this.#take(answer);
      return "worked";
    }
    if (this.#phase === "over") return "done";
    if (this.#phase === "look") return this.#look();
    if (this.#phase === "deed" && this.#asks.size < ASKS_PENDING_MAX) {
      const group = this.#orphans.take();
      if (group !== null) await this.#carryOut(group);
      else if (this.#asks.size === 0) this.#endDeeds();
      return "worked";
    }
    if (this.#phase === "end" && this.#asks.size === 0) {
      this.#ask({ kind: "end" }, { root: 0, path: ROOT_PATH }, { deed: "end", way: "these", names: [], sums: this.tally.counts.done });
      return "worked";
    }
    return "waiting";
  }

  async #look(): Promise<"worked" | "waiting"> {
    const due = this.#suspects.take(this.#clock.monotonicMs());
    if (due !== null) await this.#lookAgain(due);
    else if (!this.#walked.isOver && this.#mayWalk) await this.#walk();
    else if (this.#isLookedThrough) this.#decide();
    else return "waiting";
    return "worked";
  }

  async #walk(): Promise<void> {
    const found = await this.#walked.next(this.#options.tree, () => this.followRenames());
    if (found === null) return;
    const { root, path } = found.place;
    this.tally.directory();
    const names = found.listed.map(({ name }) => name);
    for (let at = 0; at === 0 || at < names.length; at += NAMES_PER_ASK) {
      const part = names.slice(at, at + NAMES_PER_ASK);
      this.#askSlice({ root, path, names: part, from: at === 0 ? "" : (part[0] ?? ""), until: names[at + NAMES_PER_ASK] ?? "", isCounted: false });
    }
  }

  #askSlice(slice: Slice): void {
    const { names, from, until } = slice;
    this.#ask({ kind: "walk", slice }, slice, { deed: "count", way: "others", names, from, until });
  }

  #ask(ask: Ask, { root, path }: OrphanPlace, change: Pick<OrphansChange, "deed" | "way" | "names"> & Partial<OrphansChange>): void {
    const { tree, connectionId, orphans, place } = this.#options;
    const terms = { beforeMs: this.#beforeMs, includesExcluded: orphans.includesExcluded, place };
    const whole = { from: "", until: "", ...terms, sums: NO_ORPHANS, ...change };
    this.#asks.set(tree.sweep(connectionId, { root, path, ...whole }), ask);
  }

  #take(answer: OrphansAnswer): void {
    const ask = this.#asks.get(answer.seq);
    if (ask === undefined) return;
    this.#asks.delete(answer.seq);
    if (answer.refused !== null) {
      this.#fail(answer.refused);
      return;
    }
    const found = new Map(answer.found.map((one) => [one.name, one]));
    if (ask.kind === "walk") this.#takeFirst(ask.slice, answer);
    else if (ask.kind === "again") for (const suspect of ask.group.suspects) this.#settle(suspect, found.has(suspect.name));
    else if (ask.kind === "deed") this.#takeDeed(ask.group, found);
    else this.#phase = "over";
  }

  #fail(reason: string): void {
    this.failure ??= reason;
    this.#phase = "over";
    this.#walked.end();
  }

  #takeFirst({ root, path, names, until, isCounted }: Slice, { total, found, next }: OrphansAnswer): void {
    if (!isCounted) this.tally.names(total);
    if (next !== null) this.#askSlice({ root, path, names: names.filter((name) => name >= next), from: next, until, isCounted: true });
    for (const one of found) {
      const at = joinPath(path, one.name);
      const below = one.files + one.directories + one.kept + one.failed;
      this.tally.names(Math.max(0, below - 1));
      if (one.files + one.directories + one.failed === 0) this.tally.kept(one.kept);
      // Where its directory moved and nobody told yet, the source cannot be asked: it is looked at again.
      else if (this.#options.tree.inodeAt(root, at) === null) this.#suspect({ root, directory: path, ...one });
    }
  }

  #suspect(orphan: Orphan): void {
    const { root, directory, name, isDirectory } = orphan;
    this.#orphans.consider(orphan);
    const seen = { type: isDirectory ? "dir" : null, way: "extra", why: "extra", found: null, differingBytes: null, stamp: null } as const;
    this.#suspects.add({ root, directory, name, ...seen }, this.#clock.monotonicMs());
  }

  /**
   * Those that the source lacks at this very point: as every receiver was told, and in its file system. The others are settled by `drop`.
   * What is asked about them goes out in the same turn.
   */
  #absent<T extends { readonly name: string }>({ root, path }: OrphanPlace, group: readonly T[], drop: (one: T) => void): T[] {
    const { tree } = this.#options;
    return group.filter(({ name }, index) => {
      const at = joinPath(path, name);
      const isAbsent = tree.inodeAt(root, at) === null && tree.isAbsent(root, at);
      if (!isAbsent) drop(group[index] as T);
      return isAbsent;
    });
  }

  async #lookAgain(group: SuspectGroup): Promise<void> {
    const place = { root: group.root, path: group.directory };
    const listed = await this.#options.tree.list(group.root, group.directory, true);
    this.followRenames();
    // It moved meanwhile, with all of them.
    if (group.suspects[0]?.directory !== group.directory) {
      for (const suspect of group.suspects) this.#suspects.putBack(suspect);
      return;
    }
    if (listed === null && this.#mayBeMoved(place)) {
      for (const suspect of group.suspects) this.#lookLater(suspect);
      return;
    }
    const suspects = this.#absent(place, group.suspects, (suspect) => this.#settle(suspect, false));
    if (suspects.length === 0) return;
    this.#ask({ kind: "again", group: { ...group, suspects } }, place, { deed: "look", way: "these", names: suspects.map(({ name }) => name) });
  }

  /** It is known, and cannot be opened where it was. */
  #mayBeMoved({ root, path }: OrphanPlace): boolean {
    return this.#options.tree.inodeAt(root, path) !== null;
  }

  #lookLater(suspect: Suspect): void {
    const verdict = this.#suspects.settle(suspect, { differs: true, isStill: false }, this.#clock.monotonicMs());
    if (verdict === "again") return;
    this.#orphans.judge(suspect, false);
    this.#walked.isWhole = false;
  }

  #settle(suspect: Suspect, isThere: boolean): void {
    const verdict = this.#suspects.settle(suspect, { differs: isThere, isStill: true }, this.#clock.monotonicMs());
    if (verdict === "again") return;
    const orphan = this.#orphans.judge(suspect, verdict === "guilty");
    if (orphan !== null) this.tally.found(orphan);
  }

  /** All orphans are known. */
  #decide(): void {
    const { orphans, confirmFiles } = this.#options;
    if (!this.#walked.isOver || !this.#walked.isWhole) this.tally.partial();
    const isDeed = orphans.action !== "report" && !orphans.isDryRun;
    const guard = isDeed && !orphans.isConfirmed ? guardOf(this.tally.counts, confirmFiles) : null;
    if (isDeed && guard === null) {
      this.#phase = "deed";
      return;
    }
    for (const orphan of this.#orphans.all()) {
      this.tally.failed(orphan.failed);
      this.#tell(orphan, orphan, "found", null);
    }
    this.#phase = "over";
    if (guard !== null) this.failure = `${guard}: nothing was changed; the same command with --yes goes on`;
  }

  #endDeeds(): void {
    this.#phase = "end";
    if (!this.#walked.isWhole) this.tally.partial();
  }

  async #carryOut(group: OrphanGroup): Promise<void> {
    const { action } = this.#options.orphans;
    const place = { root: group.root, path: group.directory };
    this.#carriedOut = group;
    const listed = await this.#options.tree.list(group.root, group.directory, true);
    this.followRenames();
    // It moved meanwhile, with all of them.
    const moved = this.#carriedOut;
    this.#carriedOut = null;
    if (moved !== null && moved.directory !== group.directory) {
      this.#orphans.putBack(moved);
      return;
    }
    if (listed === null && this.#mayBeMoved(place)) {
      this.#walked.isWhole = false;
      for (const orphan of group.orphans) this.#tell(orphan, NO_ORPHANS, "failed", "its directory is being moved on the source");
      return;
    }
    const orphans = this.#absent(place, group.orphans, (orphan) => this.#tell(orphan, orphan, "gone", null));
    if (orphans.length === 0) return;
    const deed = action === "move" ? "move" : "delete";
    this.#ask({ kind: "deed", group: { ...group, orphans } }, place, { deed, way: "these", names: orphans.map(({ name }) => name) });
    // Its time is that of the source again.
    this.#options.tree.ship(this.#options.connectionId, group.root, group.directory, "attr");
  }

  #takeDeed({ orphans }: OrphanGroup, found: ReadonlyMap<string, OrphanFound>): void {
    const outcome = this.#options.orphans.action === "move" ? "moved" : "deleted";
    for (const orphan of orphans) {
      const one = found.get(orphan.name);
      const failed = one?.failed ?? 0;
      // All that was to go is gone, some of it perhaps by an attempt whose answer nobody got.
      const isWhole = failed === 0 && (one?.kept ?? 0) <= orphan.kept;
      const done = isWhole ? mostOf(orphan, one ?? NO_ORPHANS) : (one ?? NO_ORPHANS);
      this.tally.done(done, failed);
      this.#tell(orphan, done, failed === 0 ? outcome : done.files + done.directories > 0 ? "partly" : "failed", one?.why ?? null);
    }
  }

  #tell({ root, directory, name, isDirectory }: Orphan, sums: OrphanSums, outcome: OrphanOutcome, message: string | null): void {
    const { files, directories, bytes } = sums;
    this.#options.onFinding({ root, path: joinPath(directory, name), isDirectory, files, directories, bytes, outcome, message });
  }
}

function mostOf(a: OrphanSums, b: OrphanSums): OrphanSums {
  return { files: Math.max(a.files, b.files), directories: Math.max(a.directories, b.directories), bytes: Math.max(a.bytes, b.bytes) };
}

/** What was asked before a directory moved is answered of what it was then, and is where it is by now. */
function movedAsk(ask: Ask, rename: ShippedRename): Ask {
  const moved = (root: RootIndex, path: BytePath): BytePath => follow(root, path, [rename]);
  switch (ask.kind) {
    case "walk":
      return { ...ask, slice: { ...ask.slice, path: moved(ask.slice.root, ask.slice.path) } };
    case "again":
      return { ...ask, group: { ...ask.group, directory: moved(ask.group.root, ask.group.directory) } };
    case "deed":
      return { ...ask, group: movedGroup(ask.group, rename) };
    case "end":
      return ask;
    default:
      return unreachable(ask);
  }
}

function movedGroup(group: OrphanGroup, rename: ShippedRename): OrphanGroup {
  if (group.root !== rename.root || !isBelow(group.directory, rename.path)) return group;
  return { ...group, directory: follow(group.root, group.directory, [rename]), orphans: group.orphans.map((orphan) => movedOrphan(orphan, rename)) };
}
