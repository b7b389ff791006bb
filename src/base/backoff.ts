export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Share of the delay that is random, 0…1: keeps many clients from coming back at once. */
  readonly jitter: number;
}

/** Delay before attempt `attempt` (1 = first retry): doubles up to the maximum, then jittered downwards. */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number = Math.random): number {
  const full = Math.min(options.maxMs, options.initialMs * 2 ** Math.min(30, Math.max(0, attempt - 1)));
  return Math.round(full * (1 - options.jitter * random()));
}
