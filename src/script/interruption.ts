import type { ScriptSession } from "./session.js";

/** Thrown where a script is told to end: no failure of a command, and caught by whoever runs the script. */
export class ScriptInterrupted extends Error {
  constructor() {
    super("the script was interrupted");
    this.name = "ScriptInterrupted";
  }
}

export function throwIfInterrupted({ signal }: Pick<ScriptSession, "signal">): void {
  if (signal.aborted) throw new ScriptInterrupted();
}
