// The generic form: any command of the agent's table, by its name. What the agent learns, a script can use at once.

import { SmError } from "../../base/errors.js";
import type { ArgumentReader, Operand } from "../argument-reader.js";
import { jsonValue } from "../json-node.js";
import { integerValue, textValue, type Value } from "../value.js";
import { done, type Verb } from "../verb.js";

/** The agent has a deadline for each command, and answers by then; this is only for one that does not. */
const CALL_MS = 900_000;
const GRACE_MS = 20_000;
const NAME = /^[a-z][a-z-]*(?:\.[a-z][a-z-]*)*$/i;

const call: Verb = {
  words: ["CALL"],
  form: "<name> [{json}] [<field> = <value> …] [GIVING <field of the answer>]",
  summary: "Any command of the agent, by its name; HELP CALL lists them. GIVING: the value is that part of the answer, such as connection.state.",
  parse(reader) {
    const name = reader.literal("the name of a command, such as mirror.start");
    if (!NAME.test(name)) throw new SmError("SCRIPT_VALUE", `${JSON.stringify(name.slice(0, 100))} is no name of a command: HELP CALL lists them`);
    const input = parseInput(reader);
    const field = reader.has("GIVING") ? reader.literal("a field of the answer, such as connection.state") : null;
    return async (session) => {
      const value = input(session);
      const answer = await session.port.callNamed(name, value, { deadlineMs: deadlineOf(value) });
      if (field !== null) return { value: pick(answer, field), answer };
      return done(JSON.stringify(answer, null, 2).split("\n"), answer);
    };
  },
};

function parseInput(reader: ArgumentReader): Operand<Readonly<Record<string, unknown>>> {
  const node = reader.json();
  const fields: (readonly [string, Operand<unknown>])[] = [];
  while (!reader.isDone && !reader.isAt("GIVING")) {
    const name = reader.literal("the name of a field");
    reader.needSymbol("=");
    fields.push([name, reader.plain("a value")]);
  }
  return (session) => {
    const given = fields.map(([name, operand]) => [name, operand(session)] as const);
    const object = node === undefined ? {} : (jsonValue(node, session.variables) as Record<string, unknown>);
    const twice = given.find(([name], index) => Object.hasOwn(object, name) || given.findIndex(([other]) => other === name) < index);
    if (twice !== undefined) throw new SmError("SCRIPT_VALUE", `the field ${JSON.stringify(twice[0])} is given twice`);
    return Object.fromEntries([...Object.entries(object), ...given]);
  };
}

function deadlineOf({ timeoutMs }: Readonly<Record<string, unknown>>): number {
  return typeof timeoutMs === "number" && Number.isFinite(timeoutMs) ? Math.max(CALL_MS, Math.min(timeoutMs, 2 ** 31 - GRACE_MS - 1) + GRACE_MS) : CALL_MS;
}

/** "connections.0.id" of an answer. */
function pick(answer: unknown, path: string): Value {
  let found = answer;
  for (const key of path.split(".")) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) {
      const keys = typeof found === "object" && found !== null ? Object.keys(found).slice(0, 40).join(", ") : "none";
      throw new SmError("SCRIPT_VALUE", `the answer has no ${JSON.stringify(path)}: at ${JSON.stringify(key)} there is: ${keys}`);
    }
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  if (typeof found === "number" && Number.isSafeInteger(found)) return integerValue(found);
  if (typeof found === "boolean") return integerValue(found ? 1 : 0);
  if (typeof found === "string") return textValue(found);
  return textValue(found === null ? "" : JSON.stringify(found));
}

export const CALL_VERBS: readonly Verb[] = [call];
