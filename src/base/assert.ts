import { SmError } from "./errors.js";

/** Holds an invariant of the program: a failure is a bug, never the caller's fault. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new SmError("ASSERTION_FAILED", message);
}

/** Ends a switch over a union: the compiler proves that nothing reaches it. */
export function unreachable(value: never): never {
  throw new SmError("ASSERTION_FAILED", `unreachable value ${JSON.stringify(value)}`);
}
