// The replication sets of this agent: repsets.d/NAME.yaml, one file per set, written atomically and open to editing by hand.
// Invariants: what get() returns is valid and normalised; a set's generation grows with every change of its rules, by a save
// or by hand; a broken file is listed with its error, hides no other set, and is never overwritten by a save.
// A path belongs to one set at a time: a save that would share a path with another set is refused. Sets that share one all the
// same (a copy before it is changed, files edited by hand) can be read and changed, but not be connected side by side.

import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { NAME_BYTES_MAX } from "../model/byte-path.js";
import type { RepsetSaved } from "../model/control-port.js";
import { checkRepsetName, requireRepsetName } from "../model/repset-name.js";
import { findOverlap, requireNoOverlap } from "../model/repset-roots.js";
import { normaliseRules, ruleText } from "../model/repset-rules.js";
import type { RepsetData, Rule } from "../model/rule.js";
import { removeFileDurably, renameFileDurably, TEMPORARY_SUFFIX, writeFileAtomic } from "./atomic-file.js";
import { configInvalid } from "./field-error.js";
import { formatRepsetFile, parseRepsetFile } from "./repset-file.js";

export const REPSET_DIRECTORY = "repsets.d";
const EXTENSION = ".yaml";

/** One file. `repset` undefined = broken, `error` says why; both = it shares a path with another set (REPSET_OVERLAP). */
export interface RepsetEntry {
  readonly name: string;
  readonly repset: RepsetData | undefined;
  readonly error: SmError | undefined;
}

/** The last valid state of a set; outlives a time in which its file is broken. */
interface KnownState {
  readonly generation: number;
  readonly rules: string;
}

interface Loaded extends RepsetEntry {
  /** The file's content when it was read or written; undefined when it could not be read. */
  readonly text: string | undefined;
}

interface LoadedSet extends Loaded {
  readonly repset: RepsetData;
}

export class RepsetStore {
  readonly #directory: string;
  readonly #log: Log;
  readonly #known = new Map<string, KnownState>();
  #entries = new Map<string, Loaded>();
  #closed = false;

  private constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
  }

  /** Makes repsets.d when it is not there. Broken files are logged and listed, not thrown. */
  static async open(configDir: string, log: Log): Promise<RepsetStore> {
    const directory = join(configDir, REPSET_DIRECTORY);
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    const store = new RepsetStore(directory, log);
    // What a crash in the middle of a save left; the agent is the only one that makes such names.
    for (const file of readdirSync(directory)) if (file.startsWith(".") && file.endsWith(TEMPORARY_SUFFIX)) rmSync(join(directory, file), { force: true });
    await store.reload();
    return store;
  }

  /** Reads all files anew. A set whose rules were changed by hand gets a new generation, written to its file. */
  async reload(): Promise<void> {
    this.#requireOpen();
    const before = this.#entries;
    const names = readdirSync(this.#directory)
      .filter((file) => file.endsWith(EXTENSION) && !file.startsWith("."))
      .map((file) => file.slice(0, -EXTENSION.length))
      .sort();
    this.#entries = new Map(names.map((name) => [name, this.#read(name)]));
    for (const { name, error } of this.list()) {
      if (error === undefined || error.message === before.get(name)?.error?.message) continue;
      logEvent(this.#log, "repsetUnusable", { repset: name, reason: error.message }, { code: error.code, file: this.#path(name) });
    }
  }

  /** All sets, sorted by name, each broken one with its error. */
  list(): readonly RepsetEntry[] {
    this.#requireOpen();
    return [...this.#entries.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, repset, error }) => ({ name, repset, error: error ?? (repset === undefined ? undefined : this.#overlapOf(repset)) }));
  }

  /** Throws NOT_FOUND, or the error of a broken file. */
  get(name: string): RepsetData {
    this.#requireOpen();
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new SmError("NOT_FOUND", `there is no replication set ${JSON.stringify(name)}`, { data: { name } });
    if (entry.repset === undefined) throw entry.error ?? new SmError("INTERNAL", `replication set ${name} has neither content nor error`);
    return entry.repset;
  }

  /** As `get`, of the file as it is now: what changes it begins with what was edited by hand. */
  latest(name: string): RepsetData {
    this.#requireOpen();
    this.#refresh(name);
    return this.get(name);
  }

  /**
   * Saves a new or changed set. `expectedGeneration`: the generation the change was made on, 0 = the set must be new;
   * undefined = on top of whatever is there. Throws REPSET_GENERATION, REPSET_OVERLAP, REPSET_EMPTY, REPSET_RULE_ILLEGAL, REPSET_NAME_ILLEGAL.
   */
  async save(name: string, rules: readonly Rule[], expectedGeneration?: number): Promise<RepsetSaved> {
    const { repset, dropped, previous } = this.#next(name, rules, expectedGeneration);
    this.#write(repset, previous);
    logEvent(this.#log, "repsetModified", { repset: name, generation: repset.generation });
    for (const { rule, reason } of dropped) logEvent(this.#log, "ruleDropped", { repset: name, rule: ruleText(rule), reason });
    return { repset, dropped };
  }

  /** What `save` would save; throws as it would. */
  preview(name: string, rules: readonly Rule[], expectedGeneration?: number): RepsetSaved {
    const { repset, dropped } = this.#next(name, rules, expectedGeneration);
    return { repset, dropped };
  }

  #next(name: string, rules: readonly Rule[], expectedGeneration: number | undefined): RepsetSaved & { readonly previous: string | undefined } {
    this.#requireOpen();
    requireFileName(name);
    // The file may have been edited by hand since it was read: that counts as somebody else's save.
    const current = this.#refresh(name);
    if (current?.error !== undefined) throw current.error;
    const generation = this.#known.get(name)?.generation ?? 0;
    if (expectedGeneration !== undefined && expectedGeneration !== generation) {
      const message = `replication set ${JSON.stringify(name)} has generation ${generation}, the change was made on generation ${expectedGeneration}`;
      throw new SmError("REPSET_GENERATION", message, { data: { name, generation, expectedGeneration } });
    }
    const { rules: kept, dropped } = normaliseRules(rules);
    const repset: RepsetData = Object.freeze({ name, generation: generation + 1, rules: Object.freeze([...kept]) });
    this.#requireNoNewOverlap(repset, current?.repset);
    return { repset, dropped, previous: current?.text };
  }

  /** Removes a set, also a broken one. Throws NOT_FOUND. */
  async remove(name: string): Promise<void> {
    this.#requireOpen();
    if (this.#refresh(name) === undefined) this.get(name);
    removeFileDurably(this.#path(name));
    this.#entries.delete(name);
    this.#known.delete(name);
  }

  async rename(name: string, to: string): Promise<RepsetData> {
    this.#requireOpen();
    this.#refresh(name);
    const repset = this.get(name);
    this.#requireFree(to);
    const renamed: RepsetData = Object.freeze({ ...repset, name: to });
    renameFileDurably(this.#path(name), this.#path(to));
    const text = this.#entries.get(name)?.text;
    this.#entries.delete(name);
    this.#known.delete(name);
    return this.#remember({ name: to, repset: renamed, error: undefined, text }).repset;
  }

  /** The same rules and comments under another name, from generation 1. The copy cannot be connected beside the original until it is changed. */
  async copy(name: string, to: string): Promise<RepsetData> {
    this.#requireOpen();
    this.#refresh(name);
    const from = this.get(name);
    this.#requireFree(to);
    return this.#write(Object.freeze({ name: to, generation: 1, rules: from.rules }), this.#entries.get(name)?.text).repset;
  }

  /** The set, if it may be connected beside the sets `connected`; throws REPSET_OVERLAP, NOT_FOUND, or the error of its file. */
  requireConnectable(name: string, connected: readonly string[]): RepsetData {
    const repset = this.get(name);
    for (const other of connected) {
      const data = other === name ? undefined : this.#entries.get(other)?.repset;
      if (data !== undefined) requireNoOverlap(repset, data);
    }
    return repset;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #requireOpen(): void {
    if (this.#closed) throw new SmError("INTERNAL", "the replication set store is closed");
  }

  #requireFree(name: string): void {
    requireFileName(name);
    if (this.#refresh(name) !== undefined)
      throw new SmError("ALREADY_EXISTS", `there is a replication set ${JSON.stringify(name)} already`, { data: { name } });
  }

  #path(name: string): string {
    return join(this.#directory, `${name}${EXTENSION}`);
  }

  #others(name: string): RepsetData[] {
    return [...this.#entries.values()].map((entry) => entry.repset).filter((repset) => repset !== undefined && repset.name !== name) as RepsetData[];
  }

  #overlapOf(repset: RepsetData): SmError | undefined {
    try {
      for (const other of this.#others(repset.name)) requireNoOverlap(repset, other);
      return undefined;
    } catch (error) {
      return toSmError(error);
    }
  }

  /** An overlap that is there already may stay: it is taken apart rule by rule, and each step has to be saved. */
  #requireNoNewOverlap(repset: RepsetData, before: RepsetData | undefined): void {
    for (const other of this.#others(repset.name)) {
      if (before === undefined || findOverlap(before.rules, other.rules) === undefined) requireNoOverlap(repset, other);
    }
  }

  /** Reads one file again when its content is not what is known; undefined when there is none. */
  #refresh(name: string): Loaded | undefined {
    if (checkRepsetName(name) !== undefined) return undefined;
    const text = this.#readText(name);
    const known = this.#entries.get(name);
    if (text === undefined) {
      this.#entries.delete(name);
      return undefined;
    }
    if (known !== undefined && known.text === text) return known;
    const entry = this.#read(name);
    this.#entries.set(name, entry);
    return entry;
  }

  #readText(name: string): string | undefined {
    try {
      return readFileSync(this.#path(name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw toSmError(error, "FS_IO", `cannot read ${this.#path(name)}`);
    }
  }

  #read(name: string): Loaded {
    const file = this.#path(name);
    const broken = (error: SmError, text: string | undefined): Loaded => ({ name, repset: undefined, error, text });
    const reason = checkRepsetName(name);
    if (reason !== undefined)
      return broken(new SmError("REPSET_NAME_ILLEGAL", `${file}: the name of the set ${reason}`, { data: { name, reason } }), undefined);
    let text: string | undefined;
    try {
      text = this.#readText(name);
      const parsed = parseRepsetFile(file, text ?? "");
      if ("errors" in parsed) return broken(configInvalid(parsed.errors), text);
      const { rules, dropped } = normaliseRules(parsed.repset.rules);
      for (const { rule, reason: why } of dropped) this.#log.debug(`replication set ${name}: rule ${ruleText(rule)} has no effect, ${why}`, { repset: name });
      const repset: RepsetData = Object.freeze({ name, generation: parsed.repset.generation, rules: Object.freeze([...rules]) });
      return this.#countHandEdit({ name, repset, error: undefined, text });
    } catch (error) {
      return broken(toSmError(error, "FS_IO", `cannot read ${file}`), text);
    }
  }

  /** Rules changed by hand under the generation known: the change counts as a save, so that a stale save is still refused. */
  #countHandEdit(entry: LoadedSet): LoadedSet {
    const { name, repset } = entry;
    const known = this.#known.get(name);
    const isSame = known !== undefined && known.generation === repset.generation && known.rules === JSON.stringify(repset.rules);
    if (known === undefined || isSame || repset.generation > known.generation) return this.#remember(entry);
    const counted: RepsetData = Object.freeze({ ...repset, generation: known.generation + 1 });
    logEvent(this.#log, "repsetModified", { repset: name, generation: counted.generation }, { how: "edited by hand" });
    return this.#write(counted, entry.text);
  }

  #write(repset: RepsetData, previous: string | undefined): LoadedSet {
    const text = formatRepsetFile(repset, previous);
    try {
      writeFileAtomic(this.#path(repset.name), text);
    } catch (error) {
      throw toSmError(error, "FS_IO", `cannot write ${this.#path(repset.name)}`);
    }
    return this.#remember({ name: repset.name, repset, error: undefined, text });
  }

  #remember(entry: LoadedSet): LoadedSet {
    const { name, repset } = entry;
    this.#known.set(name, { generation: repset.generation, rules: JSON.stringify(repset.rules) });
    this.#entries.set(name, entry);
    return entry;
  }
}

/** A set's name is also the name of its file, which has to leave room for the extension. */
function requireFileName(name: string): void {
  requireRepsetName(name);
  const bytesMax = NAME_BYTES_MAX - EXTENSION.length;
  if (Buffer.byteLength(name) > bytesMax) {
    const reason = `has more than ${bytesMax} bytes, and its file ${EXTENSION} would have more than ${NAME_BYTES_MAX}`;
    throw new SmError("REPSET_NAME_ILLEGAL", `replication set name ${JSON.stringify(name)} ${reason}`, { data: { name, reason } });
  }
}
