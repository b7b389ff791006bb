// One script from its text to its exit code, for `sm run` and for a shell without a terminal.

import { ERRORS, SmError } from "../../base/errors.js";
import type { CommandPort } from "../../script/command-port.js";
import { placeOf } from "../../script/fault.js";
import { ScriptInterrupted } from "../../script/interruption.js";
import { runScript } from "../../script/script-runner.js";
import { ScriptSession } from "../../script/session.js";
import { Interrupts } from "../interrupts.js";
import type { ScriptView } from "./script-view.js";

export interface RunOptions {
  readonly text: string;
  /** To the agent that the script is given to. */
  port(signal: AbortSignal): CommandPort;
  readonly view: ScriptView;
  readonly stopsOnError: boolean;
  /** Null = without limit. */
  readonly timeoutMs: number | null;
}

export const INTERRUPTED_EXIT = 130;
/** As of SIGPIPE: whoever read what the script prints went away before its end, and the script ended with it. */
export const CUT_OFF_EXIT = 141;

export async function runText({ text, port, view, stopsOnError, timeoutMs }: RunOptions): Promise<number> {
  const interrupts = Interrupts.listen();
  // The second one does not wait for anything.
  interrupts.second.addEventListener("abort", () => process.exit(INTERRUPTED_EXIT), { once: true });
  const time = timeoutMs === null ? null : AbortSignal.timeout(timeoutMs);
  const signal = time === null ? interrupts.first : AbortSignal.any([interrupts.first, time]);
  const session = new ScriptSession({ port: port(signal) });
  session.stopsOnError = stopsOnError;
  try {
    const { exitCode } = await runScript(text, session, (report) => view.show(report));
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof ScriptInterrupted) return interruptedExit(view, time?.aborted === true && !interrupts.first.aborted, timeoutMs);
    if (!(thrown instanceof SmError)) throw thrown;
    view.refuse(thrown, placeOf(thrown, { line: 1, column: 1 }));
    return thrown.entry.exitCode;
  } finally {
    interrupts.close();
    noteUnsaved(session, view);
  }
}

function interruptedExit(view: ScriptView, isTimeOver: boolean, timeoutMs: number | null): number {
  view.note(isTimeOver ? `the script was ended: its ${(timeoutMs ?? 0) / 1000} s are over` : "the script was interrupted");
  view.note("what the agent has begun goes on; `sm status` shows it");
  return isTimeOver ? ERRORS.TIMEOUT.exitCode : INTERRUPTED_EXIT;
}

export function noteUnsaved({ drafts }: ScriptSession, view: ScriptView): void {
  const names = [...drafts.keys()];
  if (names.length > 0) view.note(`not saved, and lost now: ${names.join(", ")}; REPSET SAVE keeps what was made or changed`);
}
