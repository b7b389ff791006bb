// A connection that is simulated: the whole way of the source, and in place of a target one that acknowledges everything and keeps
// nothing. What came of it is read in figures (simulation-row.ts), and sized (sizing-report.ts).

import { z } from "zod";
import type { SizingQuestion, SizingReport } from "./sizing-report.js";
import { RATE_MIN } from "./transmission.js";

/** The name of the target that is none; reserved in any spelling. */
export const SIMULATION_TARGET = "tdu";

export const SIMULATION_WORDS = "simulation: nothing is stored anywhere";

export function isSimulationName(name: string): boolean {
  return name.toLowerCase() === SIMULATION_TARGET;
}

/** A link that is not there. */
export const simulatedLinkSchema = z.strictObject({
  /** Null = as fast as it is given. */
  bytesPerSecond: z.number().int().min(RATE_MIN).max(1e12).nullable(),
  roundTripMs: z.number().int().min(0).max(60_000),
});

export type SimulatedLink = z.infer<typeof simulatedLinkSchema>;

export interface SimulationResult {
  /** The statistics files that it was read from, oldest first. */
  readonly files: readonly string[];
  readonly report: SizingReport;
}

export interface SimulationControl {
  /** Of a simulation that runs, or of one that is over. Rejects with NOT_FOUND where there are no figures. */
  report(connectionId: number, question: SizingQuestion): Promise<SimulationResult>;
}
