import { backoffMs } from "../base/backoff.js";
import type { ApplyWorkerData } from "./apply-messages.js";
import type { QuarantineTiming } from "./quarantine.js";

/** Often at first, with growing pauses; once a path is given up as rarely as configured, or never. */
export function timingOf({ retryInitialMs, retryMaxMs, quarantine }: Pick<ApplyWorkerData, "retryInitialMs" | "retryMaxMs" | "quarantine">): QuarantineTiming {
  const { limitMs, retryMs } = quarantine;
  const waitMs = (attempts: number, heldMs: number): number => {
    if (limitMs === null || heldMs < limitMs) return backoffMs(attempts + 1, { initialMs: retryInitialMs, maxMs: retryMaxMs, jitter: 0.1 });
    return retryMs === 0 ? Number.POSITIVE_INFINITY : retryMs;
  };
  return { waitMs };
}
