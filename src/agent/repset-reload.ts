// Replication sets whose files were edited by hand come in force: what running connections forbid is refused before anything is taken.

import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { toSmError } from "../base/errors.js";
import type { FieldError } from "../config/field-error.js";
import { REPSET_DIRECTORY, type RepsetStore } from "../config/repset-store.js";
import type { ReloadReport } from "../model/config-control.js";
import type { RepsetData, Rule } from "../model/rule.js";
import type { SourceService } from "./source-service.js";

export type RepsetChange = ReloadReport["repsets"][number];

type Rules = readonly Rule[];
type ReloadedSource = Pick<SourceService, "connectionsOf" | "checkRules" | "rulesSaved" | "sourceOf">;

export class RepsetReload {
  readonly #configDir: string;
  readonly #store: RepsetStore;
  readonly #source: ReloadedSource;

  constructor(configDir: string, store: RepsetStore, source: ReloadedSource) {
    this.#configDir = configDir;
    this.#store = store;
    this.#source = source;
  }

  list(): readonly RepsetData[] {
    return this.#store.list().flatMap(({ repset }) => (repset === undefined ? [] : [repset]));
  }

  /** `files`: the rules of each set as its file has them. */
  plan(files: ReadonlyMap<string, Rules>): readonly RepsetChange[] {
    const known = new Map(this.#store.list().map(({ name, repset }) => [name, repset?.rules]));
    const removed = [...known.keys()].filter((name) => !files.has(name)).map((name): RepsetChange => ({ name, change: "removed" }));
    const others = [...files].flatMap(([name, rules]): RepsetChange[] => {
      if (!known.has(name)) return [{ name, change: "new" }];
      // A command may have read the file since it was edited, and what is connected goes by the rules of before.
      const inForce = this.#source.sourceOf(name)?.repset.rules ?? rules;
      const isSame = [known.get(name), inForce].every((before) => isDeepStrictEqual(before, rules));
      return isSame ? [] : [{ name, change: "changed" }];
    });
    return [...removed, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** What connections forbid that are not among those `ending`. */
  refusals(files: ReadonlyMap<string, Rules>, ending: ReadonlySet<number>): readonly FieldError[] {
    return this.plan(files).flatMap(({ name, change }) => {
      const ids = this.#source.connectionsOf(name).filter((id) => !ending.has(id));
      if (ids.length === 0) return [];
      const file = join(this.#configDir, REPSET_DIRECTORY, `${name}.yaml`);
      const place = { file, line: 0, column: 0, path: "" };
      if (change === "removed") return [{ ...place, expected: `a replication set, for it is connected (connection ${ids.join(", ")})`, got: "no file" }];
      const why = this.#whyNot(name, files.get(name) ?? []);
      return why === null ? [] : [{ ...place, path: "rules", expected: "rules that a connected set can take", got: why }];
    });
  }

  #whyNot(name: string, rules: Rules): string | null {
    try {
      this.#source.checkRules(name, rules);
      return null;
    } catch (error) {
      return toSmError(error).message;
    }
  }

  async take(changes: readonly RepsetChange[]): Promise<void> {
    await this.#store.reload();
    for (const { name, change } of changes) if (change === "changed") await this.#source.rulesSaved(this.#store.get(name));
  }
}
