// Replication sets as the control plane sees them, with what running connections forbid.

import { SmError } from "../base/errors.js";
import type { RepsetStore } from "../config/repset-store.js";
import { ConfinedRoot, listNames } from "../fs/confined-root.js";
import { closeFd, statAt } from "../fs/native.js";
import { type BytePath, bytesFromText, joinPath, ROOT_PATH } from "../model/byte-path.js";
import type { RepsetControl, RepsetSaved, RepsetSize } from "../model/control-port.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import type { RepsetData, Rule } from "../model/rule.js";
import { rootsOfSet } from "./set-roots.js";
import type { SourceService } from "./source-service.js";

/** Entries counted before the event loop gets a turn. */
const ENTRIES_PER_TURN = 2000;

export class RepsetService implements RepsetControl {
  readonly #store: RepsetStore;
  readonly #source: SourceService;

  constructor(store: RepsetStore, source: SourceService) {
    this.#store = store;
    this.#source = source;
  }

  async list(): Promise<readonly RepsetData[]> {
    return this.#store.list().flatMap(({ repset }) => (repset === undefined ? [] : [repset]));
  }

  async show(name: string): Promise<RepsetData> {
    return this.#store.get(name);
  }

  create(name: string, rules: readonly Rule[]): Promise<RepsetSaved> {
    return this.#store.save(name, rules, 0);
  }

  /** The set must be there: an unknown one is created by its own command. */
  async save(name: string, rules: readonly Rule[], generation?: number): Promise<RepsetSaved> {
    return this.#save(this.#store.get(name).name, rules, generation);
  }

  async remove(name: string): Promise<void> {
    this.#refuseConnected(name);
    await this.#store.remove(name);
  }

  async rename(name: string, to: string): Promise<RepsetData> {
    this.#refuseConnected(name);
    return this.#store.rename(name, to);
  }

  copy(name: string, to: string): Promise<RepsetData> {
    return this.#store.copy(name, to);
  }

  addRule(name: string, rule: Rule, generation?: number): Promise<RepsetSaved> {
    return this.#save(name, [...this.#store.get(name).rules.filter((r) => r.path !== rule.path || r.mode !== rule.mode), rule], generation);
  }

  async removeRule(name: string, path: string, mode: Rule["mode"] | undefined, generation?: number): Promise<RepsetSaved> {
    const { rules } = this.#store.get(name);
    const kept = rules.filter((rule) => rule.path !== path || (mode !== undefined && rule.mode !== mode));
    if (kept.length === rules.length) throw new SmError("NOT_FOUND", `${name} has no ${mode ?? ""} rule for ${path}`.replace("  ", " "));
    return this.#save(name, kept, generation);
  }

  async #save(name: string, rules: readonly Rule[], generation: number | undefined): Promise<RepsetSaved> {
    this.#source.checkRules(name, rules);
    const saved = await this.#store.save(name, rules, generation);
    await this.#source.rulesSaved(saved.repset);
    return saved;
  }

  #refuseConnected(name: string): void {
    const ids = this.#source.connectionsOf(name);
    if (ids.length > 0) throw new SmError("REPSET_IN_USE", `${name} is connected (connection ${ids.join(", ")})`);
  }

  async size(name: string): Promise<RepsetSize> {
    const repset = this.#store.get(name);
    const size = { files: 0, directories: 0, bytes: 0, problems: 0 };
    for (const root of rootsOfSet(repset)) await measure(root, new RepsetMatcher(repset.rules, root), size);
    return size;
  }
}

async function measure(path: string, matcher: RepsetMatcher, size: { files: number; directories: number; bytes: number; problems: number }): Promise<void> {
  const root = ConfinedRoot.open(bytesFromText(path));
  let budget = ENTRIES_PER_TURN;
  try {
    const pending: BytePath[] = [ROOT_PATH];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      const fd = root.openDirectory(directory);
      if (fd < 0) {
        size.problems += 1;
        continue;
      }
      for (const name of listNames(fd)) {
        const stat = statAt(fd, name);
        if (typeof stat === "number") continue;
        const child = joinPath(directory, name);
        const isDirectory = (stat.mode & 0o170000) === 0o040000;
        const isIncluded = matcher.decide(child, isDirectory);
        if (isDirectory && (isIncluded || matcher.mayContain(child))) pending.push(child);
        if (!isIncluded) continue;
        if (isDirectory) size.directories += 1;
        else size.files += 1;
        if ((stat.mode & 0o170000) === 0o100000) size.bytes += stat.size;
      }
      closeFd(fd);
      budget -= 1;
      if (budget > 0) continue;
      budget = ENTRIES_PER_TURN;
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    root.close();
  }
}
