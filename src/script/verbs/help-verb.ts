// HELP: all commands, the forms of one, or what a command of the agent takes.

import { SmError } from "../../base/errors.js";
import { isKeyword, syntaxLine } from "../keyword.js";
import { shapeText } from "../schema-shape.js";
import type { ScriptSession } from "../session.js";
import { done, type Outcome, type Verb } from "../verb.js";

const NAME_WIDTH = 34;

export const STATEMENTS: readonly (readonly [form: string, summary: string])[] = [
  ["$name = <expression> | <command>", "A variable: integer, string, date or time. A command gives its value: positive = done, negative = failed."],
  ["INTEGER$|STRING$|DATE$|TIME$ $name = …", "The same, and the variable takes this type only."],
  ["IF <condition> THEN … [ELSEIF <condition> THEN …] [ELSE …] END", "Conditions: == != < > <= >=, AND, OR, NOT; + - * / ( )."],
  ["WHILE <condition> DO … END", "Tested before each pass."],
  ["FOR $name = <first> TO <last> [STEP <n>] DO … END", "Counts up, or down with a negative STEP."],
  ["WRITE <value> …", "Prints values, with a blank between them."],
  ["ON ERROR STOP|CONTINUE", "Whether a command that fails ends the script; $error has the code of the last failure."],
  ["EXIT [<code>]", "Ends the script, or the shell. QUIT does the same."],
];

/** `present` = what the list has; `known` = what a form is shown of, those without a counterpart, too. */
export function helpVerb(present: () => readonly Verb[], known: () => readonly Verb[]): Verb {
  return {
    words: ["HELP"],
    form: "[<command> | CALL [<name>]]",
    summary: "All commands, the forms of one, or those of the agent.",
    parse(reader) {
      const words: string[] = [];
      while (!reader.isDone) words.push(reader.literal("the words of a command"));
      return async (session) => {
        const [first, name] = words;
        if (first === undefined) return done(allForms(present()));
        if (isKeyword("CALL", first)) return name === undefined ? helpCalls(session) : helpCall(session, name);
        return done(formsOf(known(), words));
      };
    },
  };
}

function allForms(verbs: readonly Verb[]): string[] {
  const statements = STATEMENTS.flatMap(([form, summary]) => [form, `    ${summary}`]);
  return [
    "- Commands -",
    ...verbs.flatMap(describe),
    "- Statements -",
    ...statements,
    "A comment begins with #. Names and paths with other signs than letters and digits go into quotes.",
  ];
}

function describe(verb: Verb): string[] {
  return [syntaxLine(verb), `    ${verb.summary}`];
}

function formsOf(verbs: readonly Verb[], words: readonly string[]): string[] {
  const found = verbs.filter((verb) => words.every((word, index) => verb.words[index] !== undefined && isKeyword(verb.words[index], word)));
  if (found.length > 0) return found.flatMap(describe);
  const statement = STATEMENTS.find(([form]) => form.toUpperCase().startsWith(words[0]?.toUpperCase() ?? ""));
  if (statement !== undefined) return [statement[0], `    ${statement[1]}`];
  throw new SmError("SCRIPT_VALUE", `there is no command ${JSON.stringify(words.join(" ").slice(0, 100))}: HELP lists all`);
}

async function helpCalls(session: ScriptSession): Promise<Outcome> {
  const { commands } = await session.port.call("command.list", {});
  const rows = commands.map(({ name, summary }) => `${name.padEnd(NAME_WIDTH - 1)} ${summary}`);
  return done(["- Commands of the agent -", ...rows], { commands });
}

async function helpCall(session: ScriptSession, name: string): Promise<Outcome> {
  const { commands } = await session.port.call("command.list", {});
  const command = commands.find((each) => each.name === name);
  if (command === undefined) throw new SmError("COMMAND_UNKNOWN", `the agent has no command ${JSON.stringify(name.slice(0, 100))}: HELP CALL lists all`);
  const { summary, role, input } = command;
  return done([`CALL ${name} ${shapeText(input)}`, `    ${summary}`, `    Needs the role ${role}.`], { command });
}
