import { setTimeout as sleep } from "node:timers/promises";

export interface EventuallyOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/** Repeats `attempt` until it does not throw, and returns its result. At the deadline the last failure is thrown. */
export async function eventually<T>(attempt: () => T | Promise<T>, { timeoutMs = 30_000, intervalMs = 25 }: EventuallyOptions = {}): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() < deadline) {
        await sleep(intervalMs);
        continue;
      }
      if (error instanceof Error) error.message = `still so after ${timeoutMs} ms: ${error.message}`;
      throw error;
    }
  }
}
