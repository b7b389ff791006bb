// What an import of replication sets does with each of them: decided for all before anything is done.

import { SmError } from "../../base/errors.js";
import type { RepsetData, Rule } from "../../model/rule.js";
import type { AgentApi } from "../agent-api.js";
import type { RepsetDocument } from "./repset-document.js";

export interface ImportStep {
  readonly name: string;
  readonly action: "create" | "replace" | "keep";
  readonly rules: readonly Rule[];
  /** Of the set that is replaced: it must not be saved by somebody else meanwhile. */
  readonly generation: number | null;
}

/** Throws ALREADY_EXISTS when a set that is there has other rules, unless they are to be replaced. */
export function planImport({ repsets }: RepsetDocument, existing: readonly RepsetData[], replaces: boolean): ImportStep[] {
  const steps = repsets.map(({ name, rules }): ImportStep => {
    const present = existing.find((repset) => repset.name === name);
    if (present === undefined) return { name, action: "create", rules, generation: null };
    return { name, action: isSame(present.rules, rules) ? "keep" : "replace", rules, generation: present.generation };
  });
  const refused = steps.filter(({ action }) => action === "replace").map(({ name }) => name);
  if (refused.length > 0 && !replaces)
    throw new SmError("ALREADY_EXISTS", `there are sets of the same name with other rules: ${refused.join(", ")}; --replace gives them these`);
  return steps;
}

/** One after the other: those before one that is refused are done, and the error says which. */
export async function carryOutImport(api: AgentApi, steps: readonly ImportStep[]): Promise<void> {
  const done: string[] = [];
  for (const { name, action, rules, generation } of steps) {
    try {
      if (action === "create") await api.call("repset.create", { name, rules: [...rules] });
      if (action === "replace") await api.call("repset.save", { name, rules: [...rules], ...(generation === null ? {} : { generation }) });
    } catch (error) {
      if (!(error instanceof SmError)) throw error;
      const before = done.length === 0 ? "nothing was done before" : `done before: ${done.join(", ")}`;
      throw new SmError(error.code, `replication set ${name}: ${error.message}; ${before}`, { cause: error, data: { ...error.data, done } });
    }
    if (action !== "keep") done.push(name);
  }
}

/** The order of rules says nothing. */
function isSame(a: readonly Rule[], b: readonly Rule[]): boolean {
  const keys = (rules: readonly Rule[]): string => JSON.stringify(rules.map(({ path, mode, recursive }) => `${mode} ${recursive} ${path}`).sort());
  return keys(a) === keys(b);
}
