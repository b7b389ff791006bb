// Ships what happens while it happens: takes in the facts, plans, reads, closes what it read as a change set. A source read in this
// thread, with the write ranges, makes closed sets consistent cuts (cut.ts): what nothing has changed since it was taken in.

import { type BytePath, baseName, joinPath, parentPath, ROOT_PATH } from "../model/byte-path.js";
import type { CaptureFact, DrainedSource } from "../model/capture-port.js";
import type { RootIndex } from "../model/change.js";
import { ChangePlanner, type PlanContext, type PlanOutcome } from "./change-planner.js";
import type { Credits } from "./credits.js";
import { Cut } from "./cut.js";
import type { Doubts } from "./doubts.js";
import type { FactInbox, Listing, RootFacts } from "./fact-inbox.js";
import type { FileTransfer } from "./file-transfer.js";
import type { LiveContent } from "./live-content.js";
import { runLiveTransfer } from "./live-transfer.js";
import type { Inode, Node } from "./node-table.js";
import { isAttached, type Observation, observeNames, type Unplaced, walkDifferences } from "./observation.js";
import { OpenLimit } from "./open-limit.js";
import { pathsOf, placesOf } from "./places.js";
import type { RootTree } from "./root-tree.js";
import type { SetWriter } from "./set-writer.js";
import { Suspects } from "./suspects.js";
import type { Timetable } from "./timetable.js";
import { doubtMissed, noteUntold, type PlanHow, type RefreshOptions } from "./untold-entries.js";
import { shipWritten } from "./written-files.js";

export interface LiveChangesOptions {
  readonly trees: readonly RootTree[];
  readonly writer: SetWriter;
  readonly credits: Credits;
  readonly inbox: FactInbox;
  readonly doubts: Doubts;
  readonly timetable: Timetable;
  readonly withTrees: (work: () => Promise<void>) => Promise<void>;
  readonly startWalk: (tree: RootTree, from: Node) => Promise<void>;
  /** A directory was found at another place: a walk that is under way may have passed it. */
  readonly onMoved: (tree: RootTree, directory: Node) => void;
  /** Runs the work soon, with the trees open. */
  readonly whenOpen: (work: () => Promise<void>) => void;
}

const BATCH_MAX = 20_000;
/** A missing name waits this long for the rename that explains it, when facts come from another thread. */
const MISSING_GRACE_MS = 30;
/** New directories are listed again at these ages: a watch may come later than their content. */
const SETTLE_MS = [60, 300, 1500, 5000] as const;
/** Passes over what goes on changing, before other work has its turn. */
const PASSES_MAX = 8;
const FACTS_PER_TAKE = 20_000;
const LOST_PASSES_MAX = 20;

export class LiveChanges {
  readonly #options: LiveChangesOptions;
  readonly #missing: Unplaced[][];
  /** Names in directories that were not where they were known to be. */
  readonly #lost: Unplaced[][];
  #lostPasses = 0;
  #source: DrainedSource | null = null;
  #content: LiveContent | null = null;
  #distrusting = 0;
  /** Files that the next pass looks at. */
  readonly #suspects = new Suspects();
  readonly #openLimit = new OpenLimit();

  constructor(options: LiveChangesOptions) {
    this.#options = options;
    this.#missing = options.trees.map(() => []);
    this.#lost = options.trees.map(() => []);
  }

  /** From now on facts are taken from a source in this thread, and ranges, where there are any, from `content`. */
  attach(source: DrainedSource, content: LiveContent | null): void {
    this.#source = source;
    this.#content = content;
    this.#options.writer.hasCuts = content !== null;
  }

  /** Nothing that happens escapes: no walk is needed to know the state of now. */
  get isExact(): boolean {
    return this.#source !== null && this.#source.coverage().walkSeconds === 0;
  }

  /** What is written is told as well, and not found by comparing times. */
  get hasRanges(): boolean {
    return this.#source !== null && this.#content !== null;
  }

  /** What receivers may lack, and nobody is asked about yet: files in doubt, and walks after a loss. */
  get unsettled(): number {
    return this.#options.doubts.pending + this.#suspects.pending + this.#distrusting;
  }

  /** What is known of its content is not what receivers have: it is compared as soon as it is found and read. */
  suspect(tree: RootTree, inode: Inode): void {
    inode.racy = true;
    this.#suspects.add(inode);
    this.#content?.doubt(tree, inode);
    this.#options.inbox.push(inode.nodes.map(({ path }) => ({ kind: "name", root: tree.index, path })));
  }

  /** Ships what nobody had told of: the content of such a file may be any. The trees must be open. */
  async shipMissed(tree: RootTree, missed: readonly Observation[]): Promise<void> {
    doubtMissed(tree, this.#content, missed);
    const cut = new Cut();
    await this.plan(tree, missed, cut, { holdMissing: true });
    if (this.#content?.hasWork === true) await this.#shipWritten(cut);
  }

  /** It is gone, and its removal waits for a rename that explains it. */
  isMissing(root: RootIndex, path: BytePath): boolean {
    return this.#missing[root]?.some(({ parent, name }) => name === baseName(path) && isAttached(parent) && parent.path === parentPath(path)) === true;
  }

  /** It was written to, and not read since. */
  isWritten(inode: Inode): boolean {
    return this.#content?.stateOf(inode) === "waiting";
  }

  /** The next pass that can be closed is, even if it finds nothing. */
  wantCut(): void {
    this.#options.writer.isCutWanted = true;
  }

  hurry(): void {
    for (const each of [this.#source, this.#content]) each?.hurry();
  }

  get hasWork(): boolean {
    const { inbox, writer } = this.#options;
    this.pull();
    const isCutDue = writer.openBytes > 0 || (writer.isCutWanted && this.unsettled === 0);
    return isCutDue || !inbox.isEmpty || this.#content?.hasWork === true || this.#isUnfinished;
  }

  /** Something waits for the next pass, which will know more. */
  get #isUnfinished(): boolean {
    return this.#source !== null && (this.#missing.some((held) => held.length > 0) || this.#lost.some((held) => held.length > 0));
  }

  /** Takes in all that happened before the call. */
  pull(): void {
    const { inbox, trees } = this.#options;
    if (this.#source === null) return;
    this.#source.drain();
    let facts: CaptureFact[];
    do {
      facts = this.#source.take(FACTS_PER_TAKE);
      inbox.push(facts);
    } while (facts.length === FACTS_PER_TAKE);
    // The hint of a write comes after its range: with the hint in hand, so is the range.
    if (this.#content?.gather() !== true) return;
    inbox.push(trees.map((tree) => ({ kind: "lost", root: tree.index, path: ROOT_PATH, reason: "write ranges were lost" })));
  }

  /** Ships what waits, `extra` (a piece of a walk) with it. */
  async work(extra?: (cut: Cut) => Promise<void>): Promise<void> {
    const { writer, inbox, trees } = this.#options;
    this.pull();
    for (let pass = 1; ; pass++) {
      const cut = new Cut();
      if (pass === 1) await extra?.(cut);
      await this.#suspects.during(() => this.#takeIn(cut));
      const content = this.#content;
      if (content === null) {
        writer.flush();
        if (writer.isCutWanted) writer.closeCut();
        if (!this.#isUnfinished) return;
        this.pull();
        if (pass >= PASSES_MAX) return;
        continue;
      }
      this.pull();
      const isClosed = cut.isUntouchedBy(inbox.facts, trees, content);
      if (isClosed || pass >= PASSES_MAX) {
        this.#end(isClosed);
        return;
      }
    }
  }

  #end(isClosed: boolean): void {
    const { writer } = this.#options;
    if (isClosed) {
      this.#openLimit.reset();
      // What is in doubt, or was lost and is being compared, belongs to this moment and is not shipped yet.
      writer.closeCut(this.unsettled > 0);
      return;
    }
    writer.flush();
    if (this.#openLimit.isReached(writer.openBytes)) writer.closeCut(true);
  }

  async #takeIn(cut: Cut): Promise<void> {
    const { inbox, trees, withTrees } = this.#options;
    // Whatever explains what was missing by the pass before is among the facts of this one.
    const missing = this.#source === null ? [] : this.#missing.map((held) => held.splice(0));
    const lost = this.#lost.map((names) => names.splice(0));
    for (const [root, facts] of inbox.take()) {
      const tree = trees[root];
      if (tree !== undefined) await withTrees(() => this.#takeFacts(tree, facts, cut));
    }
    for (const [root, names] of lost.entries()) {
      const tree = trees[root];
      if (tree !== undefined && names.length > 0) await withTrees(() => this.#followLost(tree, names, cut));
    }
    for (const [root, names] of missing.entries()) {
      const tree = trees[root];
      if (tree !== undefined && names.length > 0) await withTrees(() => this.#planNames(tree, pathsOf(names), cut, false));
    }
    if (this.#content?.hasWork === true) await withTrees(() => this.#shipWritten(cut));
  }

  async #takeFacts(tree: RootTree, facts: RootFacts, cut: Cut): Promise<void> {
    const names = this.#namesOf(tree, facts);
    if (names.size > 0) await this.#planNames(tree, names, cut, true);
    for (const listing of facts.directories.values()) await this.#list(tree, listing, facts.isLost, cut);
    if (facts.isRootTouched) this.refreshRoot(tree);
  }

  async #list(tree: RootTree, { node: identity, path, recursive, isUntold }: Listing, isLost: boolean, cut: Cut): Promise<void> {
    const { root } = tree.table;
    const isUnknown = path === ROOT_PATH && identity !== null && (identity.ino !== root.inode.ino || identity.dev !== root.inode.dev);
    if (!isUnknown && tree.table.at(path) === undefined) await this.#planNames(tree, [path], cut, true);
    const known = identity === null ? undefined : tree.table.inodeOf(identity.dev, identity.ino)?.nodes[0];
    for (const node of new Set([isUnknown ? undefined : tree.table.at(path), known])) {
      if (node === undefined || node.children === null) continue;
      if (recursive) this.#walk(tree, node, isLost);
      else await this.refreshDirectory(tree, node, cut, { isUntold });
      if (node === root) this.refreshRoot(tree);
    }
  }

  /** Where to look: inodes that were touched are followed to the names they have. */
  #namesOf(tree: RootTree, facts: RootFacts): Set<BytePath> {
    const { names } = facts;
    for (const { directory, path, names: within } of facts.within.values()) {
      for (const place of placesOf(tree, directory, path)) for (const name of within) names.add(joinPath(place, name));
    }
    for (const touched of facts.inodes.values()) {
      const { node, path, directory, isWritten } = touched;
      const named = tree.table.at(path)?.inode;
      const inode = node === null ? named : tree.table.inodeOf(node.dev, node.ino);
      if (inode === undefined || inode.type === "dir") {
        for (const place of placesOf(tree, directory, parentPath(path))) names.add(joinPath(place, baseName(path)));
        if (inode !== undefined) for (const each of inode.nodes) names.add(each.path);
        continue;
      }
      if (isWritten) this.#content?.note(tree, inode, touched);
      // Setting the time of modification alone is told as a write, of links and devices too, which nothing else tells of.
      const hasRanges = inode.type === "file" && this.#content?.volumeOf(inode) !== undefined;
      if (named === inode && isWritten && hasRanges) continue;
      // A write sets the times before its first byte: what was read in the middle of it has those of its end.
      if (touched.isModified && !hasRanges) inode.racy = true;
      names.add(path);
      for (const each of inode.nodes) names.add(each.path);
    }
    return names;
  }

  #walk(tree: RootTree, node: Node, isLost: boolean): void {
    const walked = this.#options.startWalk(tree, node);
    if (!isLost || this.#content === null) return;
    this.#content.distrust();
    this.#distrusting += 1;
    void walked.then(() => {
      this.#distrusting -= 1;
      if (this.#distrusting === 0) this.#content?.trust();
    });
  }

  /** Brings one directory's direct entries up to date. The tree must be open. */
  async refreshDirectory(tree: RootTree, node: Node, cut = new Cut(), { onSame, isUntold = false }: RefreshOptions = {}): Promise<void> {
    if (tree.directoryOf(node) === undefined) this.#lose(tree, [{ parent: node, name: "" }], cut);
    const how = { holdMissing: true, isUntold };
    for (const batch of walkDifferences(tree, node, { recursive: false, batch: BATCH_MAX, onSame })) await this.plan(tree, batch, cut, how);
  }

  refreshRoot(tree: RootTree): void {
    const { root } = tree.table;
    const dirfd = tree.directoryOf(root);
    const stat = dirfd === undefined ? null : tree.look(dirfd, ROOT_PATH, "");
    if (stat === null || dirfd === undefined || (root.inode.hasSameCtime(stat) && !root.inode.racy)) return;
    this.#options.writer.direct(0, false);
    tree.shipper.shipAttr({ dirfd, name: "", path: ROOT_PATH }, root.inode, stat, true);
  }

  /** Names in directories that cannot be found are looked at again with the next pass, which knows where these went. */
  async #planNames(tree: RootTree, names: Iterable<BytePath>, cut: Cut, holdMissing: boolean): Promise<void> {
    let unplaced: Unplaced[] = [];
    await this.plan(tree, observeNames(tree, names, unplaced), cut, { holdMissing });
    // Each round brings at least one level of directories to its place.
    for (let left = Number.POSITIVE_INFINITY; this.#source !== null && unplaced.length > 0 && unplaced.length < left; ) {
      left = unplaced.length;
      const again = pathsOf(unplaced);
      unplaced = [];
      await this.plan(tree, observeNames(tree, again, unplaced), cut, { holdMissing });
    }
    if (unplaced.length > 0) this.#lose(tree, unplaced, cut);
  }

  /** A source in another thread has these directories listed again some time later. */
  #lose(tree: RootTree, unplaced: readonly Unplaced[], cut: Cut): void {
    if (this.#source === null) return;
    cut.isSpoiled = true;
    this.#lost[tree.index]?.push(...unplaced);
  }

  /** Names whose directories were not found by the pass before. Where it takes too long to find them, the whole tree is compared. */
  async #followLost(tree: RootTree, lost: readonly Unplaced[], cut: Cut): Promise<void> {
    const held = this.#lost[tree.index] as Unplaced[];
    for (const { parent, name } of lost) {
      if (name !== "" || !isAttached(parent)) continue;
      if (tree.directoryOf(parent) === undefined) this.#lose(tree, [{ parent, name }], cut);
      else await this.refreshDirectory(tree, parent, cut, { isUntold: true });
    }
    await this.#planNames(tree, pathsOf(lost), cut, true);
    this.#lostPasses = held.length === 0 ? 0 : this.#lostPasses + 1;
    if (this.#lostPasses < LOST_PASSES_MAX) return;
    held.length = 0;
    this.#lostPasses = 0;
    this.#walk(tree, tree.table.root, true);
  }

  async plan(tree: RootTree, observations: readonly Observation[], cut: Cut, { holdMissing, isUntold = false }: PlanHow): Promise<void> {
    this.#options.writer.direct(0, false);
    if (isUntold) this.pull();
    if (isUntold) for (const { parent, name, stat } of observations) noteUntold(tree, this.#content, parent.children?.get(name)?.inode, stat);
    const outcome = await new ChangePlanner(tree, this.#context(tree, cut, holdMissing)).run(observations);
    if (outcome.missing.length > 0) this.#holdMissing(tree, outcome.missing, cut);
    if (outcome.newDirectories.length > 0 && this.#source === null) this.#settle(tree, outcome.newDirectories);
    for (const { node, recursive } of outcome.newDirectories) if (recursive) this.#options.onMoved(tree, node);
  }

  #context(tree: RootTree, cut: Cut, holdMissing: boolean): PlanContext {
    const { writer, credits, doubts } = this.#options;
    return {
      writer,
      holdMissing,
      breathe: () => credits.whenLiveMayFlow(),
      transfer: (_, node, transfer) => this.#transfer(tree, node, transfer),
      askReceivers: (_, inode, isEdited) => doubts.add(tree, inode, isEdited),
      contentOf: (inode) => this.#content?.stateOf(inode) ?? "unknown",
      onLost: (parent, name) => this.#lose(tree, [{ parent, name }], cut),
      onRecord: (inode) => this.#content?.record(tree, inode),
      onUntold: (inode, stat) => noteUntold(tree, this.#content, inode, stat),
    };
  }

  #transfer(tree: RootTree, node: Node, transfer: FileTransfer): Promise<void> {
    return runLiveTransfer({ ...this.#options, tree, node, content: this.#content }, transfer);
  }

  /** Null: nobody tells of writes. */
  get written(): Pick<LiveContent, "witness" | "tells"> | null {
    return this.#content;
  }

  /** A receiver has the file as live sets left it, and it is another by now: they go on. */
  makeGood(tree: RootTree, inode: Inode): void {
    this.#content?.rewrite(tree, inode, inode.size);
    this.wantCut();
  }

  async #shipWritten(cut: Cut): Promise<void> {
    const content = this.#content;
    if (content === null) return;
    const { trees, writer, credits, doubts } = this.#options;
    writer.direct(0, false);
    for (const tree of trees) {
      await shipWritten({
        tree,
        content,
        cut,
        writer,
        whenMayFlow: () => credits.whenLiveMayFlow(),
        transfer: (node, transfer) => this.#transfer(tree, node, transfer),
        askReceivers: (_, inode, isEdited) => doubts.add(tree, inode, isEdited),
      });
    }
  }

  /** With a source in this thread the next pass knows all that can explain it; otherwise that takes a moment. */
  #holdMissing(tree: RootTree, missing: readonly Unplaced[], cut: Cut): void {
    const held = this.#missing[tree.index] as Unplaced[];
    const wasEmpty = held.length === 0;
    held.push(...missing);
    cut.isSpoiled = true;
    if (wasEmpty && this.#source === null) {
      const { timetable, whenOpen } = this.#options;
      timetable.add(MISSING_GRACE_MS, "missing", () => whenOpen(() => this.#planNames(tree, pathsOf(held.splice(0)), new Cut(), false)));
    }
  }

  #settle(tree: RootTree, directories: PlanOutcome["newDirectories"]): void {
    const { timetable, inbox } = this.#options;
    for (const ms of SETTLE_MS) {
      timetable.add(ms, "settle", () => inbox.push(directories.map(({ path, recursive }) => ({ kind: "directory", root: tree.index, path, recursive }))));
    }
  }
}
