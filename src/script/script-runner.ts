// A whole script: parsed, refused as a whole where it is wrong, carried out, and its exit code.

import type { SmError } from "../base/errors.js";
import { Evaluator, type ReportSink } from "./evaluator.js";
import { placeOf } from "./fault.js";
import { parseScript } from "./parser.js";
import { returnCodeOf, SOME_FAILED_EXIT } from "./return-code.js";
import type { ScriptSession } from "./session.js";
import type { Script } from "./syntax.js";
import { integerValue } from "./value.js";

export interface ScriptResult {
  readonly exitCode: number;
  /** EXIT was reached. */
  readonly isExit: boolean;
}

/** Commands that are wrong are all told at once, up to so many. */
const WRONG_SHOWN_MAX = 20;

/**
 * Where errors end a script, one that has a wrong command anywhere is refused before anything is done; else such a command fails
 * when its turn comes. Rejects with SCRIPT_SYNTAX when the structure is wrong, with ScriptInterrupted when the signal aborts.
 */
export async function runScript(text: string, session: ScriptSession, report: ReportSink): Promise<ScriptResult> {
  const script = parseScript(text);
  const refusal = stopsAtFirst(script, session) ? refuseWrong(script, report) : null;
  if (refusal !== null) return { exitCode: refusal.entry.exitCode, isExit: false };
  const ending = await new Evaluator(session, report).run(script.body);
  return { exitCode: exitCodeOf(ending), isExit: ending.isExit };
}

/** A script that begins with ON ERROR says so for the whole of it. */
function stopsAtFirst({ body }: Script, session: ScriptSession): boolean {
  const [first] = body;
  return first?.kind === "onError" ? first.stops : session.stopsOnError;
}

function refuseWrong({ wrong }: Script, report: ReportSink): SmError | null {
  let first: SmError | null = null;
  for (const { name, at, action } of wrong.slice(0, WRONG_SHOWN_MAX)) {
    if (typeof action === "function") continue;
    first ??= action;
    const value = integerValue(returnCodeOf(action));
    report({ name, at: placeOf(action, at), value, outcome: { value }, written: null, error: action });
  }
  return first;
}

function exitCodeOf({ exitCode, stoppedBy, failures }: Awaited<ReturnType<Evaluator["run"]>>): number {
  if (stoppedBy !== null) return stoppedBy.entry.exitCode;
  return exitCode ?? (failures > 0 ? SOME_FAILED_EXIT : 0);
}
