// All commands of the language, and how the one is found that a row of words means.

import { SmError } from "../base/errors.js";
import { nearestWord } from "../base/nearest-word.js";
import type { Argument } from "./argument.js";
import { ArgumentReader } from "./argument-reader.js";
import { syntaxFault } from "./fault.js";
import { isKeyword, syntaxLine } from "./keyword.js";
import type { Place } from "./place.js";
import type { Action, Verb } from "./verb.js";
import { ABSENT_VERBS } from "./verbs/absent-verbs.js";
import { CALL_VERBS } from "./verbs/call-verbs.js";
import { CONNECTION_VERBS } from "./verbs/connection-verbs.js";
import { helpVerb } from "./verbs/help-verb.js";
import { HOOK_VERBS } from "./verbs/hook-verbs.js";
import { JOB_VERBS } from "./verbs/job-verbs.js";
import { MIRROR_VERBS } from "./verbs/mirror-verbs.js";
import { REPLICATION_VERBS } from "./verbs/replication-verbs.js";
import { REPSET_VERBS } from "./verbs/repset-verbs.js";
import { RESTORE_VERBS } from "./verbs/restore-verbs.js";
import { SESSION_VERBS } from "./verbs/session-verbs.js";
import { SETTING_VERBS } from "./verbs/setting-verbs.js";
import { TASK_VERBS } from "./verbs/task-verbs.js";
import { TRANSMISSION_VERBS } from "./verbs/transmission-verbs.js";
import { WAIT_VERBS } from "./verbs/wait-verbs.js";

/** Those that do something here, in the order of the help. */
export const PRESENT_VERBS: readonly Verb[] = [
  ...SESSION_VERBS,
  ...REPSET_VERBS,
  ...CONNECTION_VERBS,
  ...MIRROR_VERBS,
  ...HOOK_VERBS,
  ...JOB_VERBS,
  ...RESTORE_VERBS,
  ...TASK_VERBS,
  ...REPLICATION_VERBS,
  ...TRANSMISSION_VERBS,
  ...SETTING_VERBS,
  ...WAIT_VERBS,
  ...CALL_VERBS,
  helpVerb(
    () => PRESENT_VERBS,
    () => VERBS,
  ),
];

/** With those that are known from the field and have no counterpart here. */
export const VERBS: readonly Verb[] = [...PRESENT_VERBS, ...ABSENT_VERBS];

/** Statements that the parser knows itself. */
export const STATEMENT_WORDS = ["IF", "WHILE", "FOR", "WRITE", "ON ERROR", "EXIT", "QUIT", "END", "ELSE", "ELSEIF", "THEN", "DO"] as const;

export interface PreparedCommand {
  readonly verb: Verb | undefined;
  readonly action: Action | SmError;
}

/** What the arguments ask for; an error when they ask for nothing that there is. `endAt` = behind the last of them. */
export function prepareCommand(args: readonly Argument[], endAt: Place): PreparedCommand {
  const verb = findVerb(args);
  try {
    if (verb === undefined) throw unknownCommand(args, endAt);
    const reader = new ArgumentReader(verb, args.slice(verb.words.length), endAt);
    const action = verb.parse(reader);
    reader.end();
    return { verb, action };
  } catch (error) {
    if (error instanceof SmError) return { verb, action: error };
    throw error;
  }
}

/** The longest row of words that is a command. */
function findVerb(args: readonly Argument[]): Verb | undefined {
  let found: Verb | undefined;
  for (const verb of VERBS) {
    if (verb.words.length > (found?.words.length ?? 0) && verb.words.every((word, index) => isSaid(args[index], word))) found = verb;
  }
  return found;
}

function isSaid(argument: Argument | undefined, keyword: string): boolean {
  return argument?.kind === "word" && isKeyword(keyword, argument.text);
}

function unknownCommand(args: readonly Argument[], endAt: Place): SmError {
  const [first, second] = args;
  if (first?.kind !== "word") return syntaxFault("here must be a command", first?.at ?? endAt);
  const family = VERBS.filter(({ words }) => isSaid(first, words[0] ?? ""));
  if (family.length > 0) {
    const forms = family.slice(0, 12).map((verb) => syntaxLine(verb));
    return syntaxFault(`there is no such form of ${first.text.toUpperCase()}. Its forms are: ${forms.join("; ")}`, second?.at ?? endAt);
  }
  const near = nearestVerb(first.text);
  const advice = near === undefined ? "HELP lists all" : `did you mean ${near}? HELP lists all`;
  return syntaxFault(`there is no command ${JSON.stringify(first.text.slice(0, 100))}: ${advice}`, first.at);
}

function nearestVerb(word: string): string | undefined {
  const firsts = [...VERBS.map(({ words }) => (words[0] ?? "").toUpperCase()), ...STATEMENT_WORDS];
  return nearestWord(word.toUpperCase(), [...new Set(firsts)]);
}
