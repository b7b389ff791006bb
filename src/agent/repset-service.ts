// Replication sets as the control plane sees them, with what running connections forbid.

import { SmError } from "../base/errors.js";
import type { RepsetStore } from "../config/repset-store.js";
import { type RepsetControl, type RepsetSaved, type RepsetSize, type RuleEdit, SIZE_MS_MAX } from "../model/control-port.js";
import type { RulePlan } from "../model/plan.js";
import type { RepsetData, Rule } from "../model/rule.js";
import { compareRules } from "./rule-plan.js";
import { rootsOfSet } from "./set-roots.js";
import { requireComplete, SetSizes } from "./set-sizes.js";
import type { SourceService } from "./source-service.js";

export class RepsetService implements RepsetControl {
  readonly #store: RepsetStore;
  readonly #source: SourceService;
  readonly #sizes = new SetSizes();
  readonly #closed = new AbortController();

  constructor(store: RepsetStore, source: SourceService) {
    this.#store = store;
    this.#source = source;
  }

  /** What is being counted is given up. */
  close(): void {
    this.#closed.abort();
    this.#sizes.close();
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

  remove(name: string): Promise<void> {
    return this.#unconnected(name, () => this.#store.remove(name));
  }

  rename(name: string, to: string): Promise<RepsetData> {
    return this.#unconnected(name, () => this.#store.rename(name, to));
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
    const { rules } = this.#store.latest(name);
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
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(SIZE_MS_MAX)]);
    const changes = await compareRules({ before, after: saved.repset.rules, namesMax: options.namesMax, signal });
    return { ...saved, ...changes, connections: connections.map(({ id, target }) => ({ id, target })) };
  }

  async #save(name: string, rules: readonly Rule[], generation: number | undefined): Promise<RepsetSaved> {
    this.#source.checkRules(name, rules);
    const saved = await this.#store.save(name, rules, generation);
    await this.#source.rulesSaved(saved.repset);
    return saved;
  }

  /** In turn with what connects: a connection that is being made is not left without its set. */
  #unconnected<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#source.turns.take(async () => {
      const ids = this.#source.connectionsOf(name);
      if (ids.length > 0) throw new SmError("REPSET_IN_USE", `${name} is connected (connection ${ids.join(", ")})`);
      return work();
    });
  }

  async size(name: string, waitMs?: number): Promise<RepsetSize> {
    const repset = this.#store.get(name);
    const size = await this.#sizes.measure(repset, rootsOfSet(repset), waitMs ?? SIZE_MS_MAX);
    return waitMs === undefined ? requireComplete(name, size) : size;
  }
}
