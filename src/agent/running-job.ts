// A job that is running, as the job service holds it; one of each kind knows what its events mean.

import type { SourceConnection } from "../connection/source-connection.js";
import type { JobReport } from "../model/job.js";
import type { SourceCommand, SourceEvent } from "../model/source-messages.js";

export interface JobEnding {
  readonly status: "Done" | "Failed";
  readonly message: string | null;
}

/** Why nothing is said of a set that moved too much. */
export const NOT_WHOLE = "so much was renamed meanwhile that some of it may not have been compared: start it again";

export interface RunningJob {
  report: JobReport;
  /** What a person calls it. */
  readonly what: string;
  /** Ends it in the source worker. */
  readonly stopCommand: SourceCommand;
  /** True when the report is another one now. */
  take(event: SourceEvent): boolean;
  /** How it ended; null = it goes on. */
  ending(connection: SourceConnection): JobEnding | null;
  /** What it waits for, other than its target; null = nothing. */
  readonly waitsFor: string | null;
  /** It has ended: for its own log. */
  finish(report: JobReport): void;
}
