import { SmError, toSmError } from "../base/errors.js";

/** What ended the thread. A call that the system refused, on a file of the state directory, may go well later: it is tried again. */
export function applyFault(thrown: unknown): SmError {
  const isRefusal = thrown instanceof Error && !(thrown instanceof SmError) && "syscall" in thrown && "errno" in thrown;
  return isRefusal ? new SmError("APPLY_RETRY", `the state directory cannot be used: ${thrown.message}`, { cause: thrown }) : toSmError(thrown);
}
