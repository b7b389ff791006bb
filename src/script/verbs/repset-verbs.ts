// Replication sets. As in the field, what is made or changed is a draft until REPSET SAVE: only then the agent has it.

import { SmError } from "../../base/errors.js";
import type { Rule } from "../../model/rule.js";
import type { Operand } from "../argument-reader.js";
import type { Draft, ScriptSession } from "../session.js";
import { done, OUTCOME_DONE, type Verb } from "../verb.js";

const NAME_WIDTH = 52;
const SIZE_MS = 620_000;

async function openDraft(session: ScriptSession, name: string): Promise<Draft> {
  const draft = session.drafts.get(name);
  if (draft !== undefined) return draft;
  const { repset } = await session.port.call("repset.show", { name });
  return { name, rules: repset.rules, base: repset };
}

function isSameRule(a: Pick<Rule, "path" | "mode">, b: Pick<Rule, "path" | "mode">): boolean {
  return a.path === b.path && a.mode === b.mode;
}

async function isThere(session: ScriptSession, name: string): Promise<boolean> {
  try {
    await session.port.call("repset.show", { name });
    return true;
  } catch (error) {
    if (error instanceof SmError && error.code === "NOT_FOUND") return false;
    throw error;
  }
}

const create: Verb = {
  words: ["REPSet", "CREATE"],
  form: "<repset>",
  summary: "A new replication set; REPSET SAVE saves it.",
  parse(reader) {
    const repset = reader.text("the name of a replication set");
    return async (session) => {
      session.requireSource();
      const name = repset(session);
      if (session.drafts.has(name) || (await isThere(session, name))) throw new SmError("ALREADY_EXISTS", `replication set ${name} exists`);
      session.drafts.set(name, { name, rules: [], base: null });
      return OUTCOME_DONE;
    };
  },
};

const addRule: Verb = {
  words: ["REPSet", "RULE", "ADD"],
  form: '"<path>" INCLUDE|EXCLUDE [RECURSIVE|NONRECURSIVE] TO <repset>',
  summary: "Adds a rule, or changes the one for the path; REPSET SAVE saves it.",
  parse(reader) {
    const path = reader.text("a path");
    const mode = reader.need("INCLUDE", "EXCLUDE") === "INCLUDE" ? "include" : "exclude";
    const recursive = reader.oneOf(["RECURSIVE", "NONRECURSIVE"]) !== "NONRECURSIVE";
    reader.need("TO");
    const repset = reader.text("the name of a replication set");
    return async (session) => {
      session.requireSource();
      const draft = await openDraft(session, repset(session));
      const rule: Rule = { path: path(session), mode, recursive };
      session.drafts.set(draft.name, { ...draft, rules: [...draft.rules.filter((each) => !isSameRule(each, rule)), rule] });
      return OUTCOME_DONE;
    };
  },
};

const removeRule: Verb = {
  words: ["REPSet", "RULE", "REMOVE"],
  form: '"<path>" [INCLUDE|EXCLUDE] FROM <repset>',
  summary: "Removes the rules for a path; REPSET SAVE saves it.",
  parse(reader) {
    const path = reader.text("a path");
    const mode = reader.oneOf(["INCLUDE", "EXCLUDE"])?.toLowerCase();
    reader.need("FROM");
    const repset = reader.text("the name of a replication set");
    return async (session) => {
      session.requireSource();
      const draft = await openDraft(session, repset(session));
      const rules = draft.rules.filter((rule) => rule.path !== path(session) || (mode !== undefined && rule.mode !== mode));
      if (rules.length === draft.rules.length) throw new SmError("NOT_FOUND", `${draft.name} has no such rule for ${path(session)}`);
      session.drafts.set(draft.name, { ...draft, rules });
      return OUTCOME_DONE;
    };
  },
};

const save: Verb = {
  words: ["REPSet", "SAVE"],
  form: "[<repset>]",
  summary: "Saves what was made or changed: of one set, or of all.",
  parse(reader) {
    const repset = reader.isDone ? null : reader.text("the name of a replication set");
    return async (session) => {
      session.requireSource();
      const name = repset?.(session);
      const drafts = [...session.drafts.values()].filter((draft) => name === undefined || draft.name === name);
      if (name !== undefined && drafts.length === 0 && !(await isThere(session, name))) throw new SmError("NOT_FOUND", `there is no replication set ${name}`);
      const lines: string[] = [];
      for (const draft of drafts) lines.push(...(await saveDraft(session, draft)));
      return done(lines);
    };
  },
};

/** What the agent dropped as redundant, for people. A set that somebody else saved since it was read is refused. */
async function saveDraft({ port, drafts }: ScriptSession, { name, rules, base }: Draft): Promise<string[]> {
  const { dropped } =
    base === null
      ? await port.call("repset.create", { name, rules: [...rules] })
      : await port.call("repset.save", { name, rules: [...rules], generation: base.generation });
  drafts.delete(name);
  return dropped.map(({ rule, reason }) => `${rule.mode} ${rule.path} was dropped: ${reason}`);
}

const list: Verb = {
  words: ["REPSet", "LIST"],
  form: "",
  summary: "All replication sets: enabled = connected.",
  parse: () => async (session) => {
    session.requireSource();
    const { repsets } = await session.port.call("repset.list", {});
    const { connections } = await session.port.call("connection.list", {});
    const connected = new Set(connections.map(({ repset }) => repset));
    const rows = repsets.map(({ name }): [string, string] => [name, connected.has(name) ? "enabled" : "disabled"]);
    for (const { name, base } of session.drafts.values()) if (base === null) rows.push([name, "not saved"]);
    return done(["- List of rep sets -", ...rows.map(([name, state]) => `${name.padEnd(NAME_WIDTH - 1)} ${state}`)], { repsets });
  },
};

const display: Verb = {
  words: ["REPSet", "DISPLAY"],
  form: "<repset>",
  summary: "The rules of a replication set, as they are to be saved.",
  parse(reader) {
    const repset = reader.text("the name of a replication set");
    return async (session) => {
      session.requireSource();
      const { name, rules } = await openDraft(session, repset(session));
      const rows = rules.map((rule) => `${rule.mode.toUpperCase()} ${(rule.recursive ? "RECURSIVE" : "NONRECURSIVE").padEnd(13)} "${rule.path}"`);
      return done([`- Rules of ${name}${session.drafts.has(name) ? ", not saved" : ""} -`, ...rows], { rules });
    };
  },
};

const calculate: Verb = {
  words: ["REPSet", "CALCulate"],
  form: "<repset>",
  summary: "Counts the files, directories and bytes of a replication set.",
  parse(reader) {
    const repset = reader.text("the name of a replication set");
    return async (session) => {
      session.requireSource();
      const { size } = await session.port.call("repset.size", { name: saved(session, repset) }, { deadlineMs: SIZE_MS });
      const rows: [string, number][] = [
        ["Files:", size.files],
        ["Directories:", size.directories],
        ["Bytes:", size.bytes],
        ["Could not be read:", size.problems],
      ];
      return done([`- Size of ${repset(session)} -`, ...rows.map(([label, count]) => `${label.padEnd(34)}${count}`)], { size });
    };
  },
};

const remove: Verb = {
  words: ["REPSet", "DELETE"],
  form: "<repset>",
  summary: "Deletes a replication set that is not connected, and what of it is not saved. The files stay.",
  parse(reader) {
    const repset = reader.text("the name of a replication set");
    return async (session) => {
      session.requireSource();
      const name = repset(session);
      const draft = session.drafts.get(name);
      if (draft === undefined || draft.base !== null) await session.port.call("repset.delete", { name });
      session.drafts.delete(name);
      return OUTCOME_DONE;
    };
  },
};

function twoNames(word: "COPY" | "RENAME", summary: string): Verb {
  return {
    words: ["REPSet", word],
    form: "<repset> TO <new>",
    summary,
    parse(reader) {
      const repset = reader.text("the name of a replication set");
      reader.need("TO");
      const to = reader.text("the new name");
      return async (session) => {
        session.requireSource();
        const names = { name: saved(session, repset), to: to(session) };
        if (session.drafts.has(names.to)) throw new SmError("ALREADY_EXISTS", `replication set ${names.to} exists, and is not saved`);
        if (word === "COPY") await session.port.call("repset.copy", names);
        else await session.port.call("repset.rename", names);
        return OUTCOME_DONE;
      };
    },
  };
}

/** The name of a set that the agent knows as the script does. */
export function saved(session: ScriptSession, repset: Operand<string>): string {
  const name = repset(session);
  if (session.drafts.has(name)) throw new SmError("SCRIPT_VALUE", `replication set ${name} has changes that are not saved: REPSET SAVE comes first`);
  return name;
}

export const REPSET_VERBS: readonly Verb[] = [
  create,
  addRule,
  removeRule,
  save,
  list,
  display,
  calculate,
  twoNames("COPY", "Copies a replication set under another name."),
  twoNames("RENAME", "Gives a replication set another name."),
  remove,
];
