// Programs that travel in the order of the changes.

import { SmError } from "../../base/errors.js";
import { type Program, programFrom, programSchema, TASK_TIMEOUT_MS_MAX, TASK_TIMEOUT_SECONDS } from "../../model/task.js";
import type { ArgumentReader, Operand } from "../argument-reader.js";
import { connectionsTo, forEachOf } from "../connections.js";
import { integerValue } from "../value.js";
import type { Verb } from "../verb.js";

const POINTS = ["ONQueue", "ONTRANSmit", "ONRECeive", "ONEXECute"] as const;
const FIELDS = { ONQueue: "onQueue", ONTRANSmit: "onTransmit", ONRECeive: "onReceive", ONEXECute: "onExecute" } as const;

/** `<task> [args]`: in one text, separated by blanks, or the arguments in a second one. */
export function parseProgramOperand(reader: ArgumentReader, isNext: () => boolean): Operand<Program> {
  const path = reader.text("the path of a program");
  const args = reader.isDone || isNext() ? null : reader.text("the arguments of the program");
  return (session) => {
    const text = path(session);
    const words = args?.(session)
      .split(/[ \t]+/)
      .filter((word) => word !== "");
    const parsed = words === undefined ? programFrom(text) : (programSchema.safeParse({ path: text, args: words }).data ?? null);
    if (parsed === null) throw new SmError("SCRIPT_VALUE", `${JSON.stringify(text.slice(0, 200))} is no program: give its absolute path`);
    return parsed;
  };
}

/** In ms; null = without limit. */
function parseTimeout(reader: ArgumentReader): Operand<number | null> {
  reader.hasSymbol("=");
  if (reader.has("FOREVER")) return () => null;
  const duration = reader.duration("TIMEOUT");
  return (session) => {
    const ms = duration(session);
    if (ms > TASK_TIMEOUT_MS_MAX) throw new SmError("SCRIPT_VALUE", "TIMEOUT is at most 20 days, or FOREVER");
    return ms;
  };
}

const queueTask: Verb = {
  words: ["QueueTASK"],
  form:
    '<name> TO <target> [ONQueue = "<program> [args]"] [ONTRANSmit = "<program> [args]"] [ONRECeive = "<program> [args]"] ' +
    '[ONEXECute = "<program> [args]"] [TIMEOUT = <n> [units]|FOREVER] [NOINTERACT]',
  summary: "Puts programs into the order of the changes to a target, behind all that is on the source. Its value is the number of the task.",
  parse(reader) {
    const name = reader.text("a name of the task");
    reader.need("TO");
    const machine = reader.text("a machine");
    const programs: Partial<Record<(typeof FIELDS)[keyof typeof FIELDS], Operand<Program>>> = {};
    let timeout: Operand<number | null> = () => TASK_TIMEOUT_SECONDS * 1000;
    const isNext = (): boolean => [...POINTS, "TIMEOUT", "INTERACT", "NOINTERACT"].some((word) => reader.isAt(word));
    while (!reader.isDone) {
      const word = reader.need(...POINTS, "TIMEOUT", "INTERACT", "NOINTERACT");
      if (word === "NOINTERACT") continue;
      if (word === "INTERACT") throw new SmError("SCRIPT_NO_COUNTERPART", "INTERACT shows the window of a program: a server has none");
      if (word === "TIMEOUT") {
        timeout = parseTimeout(reader);
        continue;
      }
      reader.needSymbol("=");
      programs[FIELDS[word]] = parseProgramOperand(reader, isNext);
    }
    if (Object.keys(programs).length === 0) reader.fail("here must be ONQUEUE, ONTRANSMIT, ONRECEIVE or ONEXECUTE");
    return async (session) => {
      const connections = await connectionsTo(session, machine);
      const chosen = Object.fromEntries(Object.entries(programs).map(([field, operand]) => [field, operand(session)]));
      const ms = timeout(session);
      const wish = { name: name(session), ...chosen, timeoutSeconds: ms === null ? null : Math.ceil(ms / 1000) };
      const tasks: { readonly connectionId: number; readonly number: number }[] = [];
      const queue = async (id: number): Promise<unknown> => {
        const { task } = await session.port.call("task.queue", { id, ...wish });
        tasks.push(task);
        return task;
      };
      await forEachOf(
        connections,
        ({ id }) => id,
        ({ id }) => queue(id),
      );
      const several = tasks.map(({ connectionId, number }) => `task ${number} of connection ${connectionId}`).join(", ");
      const note = tasks.length > 1 ? { note: `${tasks.length} connections lead to that target, and each has its own order: ${several}` } : {};
      return { value: integerValue(tasks[0]?.number ?? 1), answer: { tasks }, ...note };
    };
  },
};

export const TASK_VERBS: readonly Verb[] = [queueTask];
