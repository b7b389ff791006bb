// Hooks of mirrors: programs that run when one begins, is complete, or is stopped.

import { SmError } from "../../base/errors.js";
import type { Hook, HookEvent } from "../../model/hook.js";
import { endText, type Program, programSchema, programText } from "../../model/task.js";
import type { ArgumentReader, Operand } from "../argument-reader.js";
import { isThisMachine, resolveTarget } from "../machines.js";
import type { ScriptSession } from "../session.js";
import { done, type Verb } from "../verb.js";

const EVENTS = { MIRRORSTART: "mirror-start", MIRRORSTOP: "mirror-stop", MIRRORCOMPLETE: "mirror-complete" } as const;
const TYPES = ["MIRRORSTART", "MIRRORSTOP", "MIRRORCOMPLETE"] as const;

interface Ends {
  readonly connection: Operand<number>;
  readonly source: Operand<string> | null;
  readonly target: Operand<string> | null;
}

/** `<connection> [source] [ON target]`: both are those of the connection, or it is refused. */
function parseEnds(reader: ArgumentReader): Ends {
  const connection = reader.connection();
  const isSource = !reader.isDone && !["ON", ...TYPES, "NAME"].some((word) => reader.isAt(word));
  const source = isSource ? reader.text("a machine") : null;
  const target = reader.has("ON") ? reader.text("a machine") : null;
  return { connection, source, target };
}

async function connectionOf(session: ScriptSession, { connection, source, target }: Ends): Promise<number> {
  session.requireSource();
  const id = connection(session);
  const machine = source?.(session) ?? null;
  if (machine !== null && !(await isThisMachine(session, machine))) throw new SmError("SCRIPT_VALUE", `${machine} is not the selected source`);
  if (target === null) return id;
  const named = await resolveTarget(session, target(session));
  const { connection: shown } = await session.port.call("connection.show", { id });
  if (shown.target !== named) throw new SmError("SCRIPT_VALUE", `connection ${id} leads to ${shown.target}, not to ${named}`);
  return id;
}

/** The path as a whole, and its arguments separated by blanks. */
function programOf(path: string, words: string): Program {
  const args = words.split(/[ \t]+/).filter((word) => word !== "");
  const parsed = programSchema.safeParse({ path, args });
  if (!parsed.success) throw new SmError("SCRIPT_VALUE", `${JSON.stringify(path.slice(0, 200))} is no program: give its absolute path`);
  return parsed.data;
}

const add: Verb = {
  words: ["SCRIPT", "ADD"],
  form: '<connection> [<source>] ON <target> MIRRORSTART|MIRRORSTOP|MIRRORCOMPLETE = "<program>" [ARGS = "<arguments>"] [DELAY|NODELAY] [NOINTERACT]',
  summary: "Has a program run at the beginning, or the end, of the mirrors of a connection. It takes the place of the one that was added for that before.",
  parse(reader) {
    const ends = parseEnds(reader);
    if (ends.target === null) reader.fail("here must be ON and the target of the connection");
    const type = reader.need(...TYPES);
    reader.needSymbol("=");
    const path = reader.text("the path of a program");
    let args: Operand<string> = () => "";
    let isDelaying = false;
    while (!reader.isDone) {
      const word = reader.need("ARGS", "DELAY", "NODELAY", "INTERACT", "NOINTERACT");
      if (word === "INTERACT") throw new SmError("SCRIPT_NO_COUNTERPART", "INTERACT shows the window of a program: a server has none");
      if (word === "DELAY" || word === "NODELAY") isDelaying = word === "DELAY";
      if (word !== "ARGS") continue;
      reader.needSymbol("=");
      args = reader.text("the arguments of the program");
    }
    const event: HookEvent = EVENTS[type];
    return async (session) => {
      const program = programOf(path(session), args(session));
      const id = await connectionOf(session, ends);
      const { hook } = await session.port.call("hook.add", { id, name: event, event, program, isDelaying, isReplacing: true });
      return { ...done([], { hook }), note: "it runs on the source, before the first comparison where it is MIRRORSTART" };
    };
  },
};

const list: Verb = {
  words: ["SCRIPT", "LIST"],
  form: "[<connection>]",
  summary: "The programs that run at the beginning and the end of mirrors.",
  parse(reader) {
    const chosen = reader.isDone ? null : reader.connection();
    return async (session) => {
      session.requireSource();
      const { hooks } = await session.port.call("hook.list", chosen === null ? {} : { id: chosen(session) });
      const lines = hooks.map(
        ({ connectionId, name, event, program, isDelaying, lastRun }) =>
          `${connectionId}  ${name}  ${event}  ${programText(program)}${isDelaying ? "  DELAY" : ""}${lastRun === null ? "" : `  last: ${endText(lastRun)}`}`,
      );
      return done(["- Scripts -", ...lines], { hooks });
    };
  },
};

const remove: Verb = {
  words: ["SCRIPT", "REMOVE"],
  form: '<connection> [<source>] [ON <target>] MIRRORSTART|MIRRORSTOP|MIRRORCOMPLETE|NAME "<name>"',
  summary: "Removes what SCRIPT ADD added for that moment, or the hook of that name.",
  parse(reader) {
    const ends = parseEnds(reader);
    const word = reader.need(...TYPES, "NAME");
    const name: Operand<Hook["name"]> = word === "NAME" ? reader.text("the name of a hook") : () => EVENTS[word];
    return async (session) => {
      const id = await connectionOf(session, ends);
      return done([], await session.port.call("hook.remove", { id, name: name(session) }));
    };
  },
};

export const HOOK_VERBS: readonly Verb[] = [add, list, remove];
