import { SmError } from "../../base/errors.js";
import { type Program, programFrom, TASK_TIMEOUT_MS_MAX } from "../../model/task.js";
import { parseDurationSeconds } from "./duration.js";

/** "/path/to/program argument …". */
export function parseProgram(flag: string, text: string): Program {
  const program = programFrom(text);
  if (program === null) throw new SmError("USAGE", `${flag} is ${JSON.stringify(text)}, but must be an absolute path, perhaps with arguments behind it`);
  return program;
}

/** Seconds; null = without limit. */
export function parseTaskTimeout(text: string): number | null {
  if (text === "forever") return null;
  const seconds = Math.ceil(parseDurationSeconds("--timeout", text));
  if (seconds * 1000 > TASK_TIMEOUT_MS_MAX) throw new SmError("USAGE", "--timeout is at most 20d, or forever");
  return seconds;
}
