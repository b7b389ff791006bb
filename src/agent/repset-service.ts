// Replication sets as the control plane sees them, with what running connections forbid.

import { SmError } from "../base/errors.js";
import type { RepsetStore } from "../config/repset-store.js";
import type { RepsetControl, RepsetSaved, RepsetSize, RuleEdit } from "../model/control-port.js";
import type { RulePlan } from "../model/plan.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import type { RepsetData, Rule } from "../model/rule.js";
import { compareRules } from "./rule-plan.js";
import { rootsOfSet } from "./set-roots.js";
import type { SourceService } from "./source-service.js";
import { walkSource } from "./source-walk.js";

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

  async addRule(name: string, rule: Rule, generation?: number): Promise<RepsetSaved> {
    return this.#save(name, this.#edited(name, { kind: "add", rule }), generation);
  }

  async removeRule(name: string, path: string, mode: Rule["mode"] | undefined, generation?: number): Promise<RepsetSaved> {
    return this.#save(name, this.#edited(name, { kind: "remove", path, mode }), generation);
  }

  #edited(name: string, edit: RuleEdit): readonly Rule[] {
    const { rules } = this.#store.get(name);
    if (edit.kind === "add") return [...rules.filter(({ path, mode }) => path !== edit.rule.path || mode !== edit.rule.mode), edit.rule];
    const { path, mode } = edit;
    const kept = rules.filter((rule) => rule.path !== path || (mode !== undefined && rule.mode !== mode));
    if (kept.length === rules.length) throw new SmError("NOT_FOUND", `${name} has no ${mode ?? ""} rule for ${path}`.replace("  ", " "));
    return kept;
  }

  async planRules(name: string, edit: RuleEdit, options: { readonly generation: number | undefined; readonly namesMax: number }): Promise<RulePlan> {
    const rules = this.#edited(name, edit);
    this.#source.checkRules(name, rules);
    const before = this.#store.get(name).rules;
    const saved = this.#store.preview(name, rules, options.generation);
    const connections = this.#source.reports().filter(({ repset }) => repset === name);
    const changes = await compareRules({ before, after: saved.repset.rules, namesMax: options.namesMax });
    return { ...saved, ...changes, connections: connections.map(({ id, target }) => ({ id, target })) };
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
  size.problems += await walkSource(path, (entry) => {
    const isIncluded = matcher.decide(entry.path, entry.isDirectory);
    if (isIncluded && entry.isDirectory) size.directories += 1;
    else if (isIncluded) size.files += 1;
    if (isIncluded) size.bytes += entry.size;
    return isIncluded || matcher.mayContain(entry.path);
  });
}
