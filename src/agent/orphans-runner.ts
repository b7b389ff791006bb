// The orphans job of one connection in the source worker.

import type { SourceEngine } from "../capture/source-engine.js";
import { OrphansJob } from "../jobs/orphans-job.js";
import type { MirrorTree } from "../model/mirror-port.js";
import type { OrphanFinding } from "../model/orphans.js";
import type { SourceCommand, SourceEvent } from "../model/source-messages.js";
import { BackgroundRun } from "./background-run.js";

export interface OrphansRunnerOptions {
  readonly command: Extract<SourceCommand, { kind: "orphans" }>;
  readonly engine: SourceEngine;
  readonly tree: MirrorTree;
  readonly post: (event: SourceEvent) => void;
  readonly onEnd: () => void;
}

/** Begins at once. */
export function runOrphans({ command, engine, tree, post, onEnd }: OrphansRunnerOptions): BackgroundRun<OrphanFinding> {
  const { connectionId, jobId, confirmFiles, place } = command;
  const job = new OrphansJob({ connectionId, orphans: command.options, confirmFiles, place, tree, onFinding: (finding) => run.found(finding) });
  const run: BackgroundRun<OrphanFinding> = new BackgroundRun({
    connectionId,
    engine,
    job,
    onTell: (findings) => {
      job.followRenames();
      post({ kind: "orphansProgress", connectionId, jobId, counts: job.tally.counts, findings });
    },
    onDone: () => {
      engine.writer.flush();
      post({ kind: "orphansEnded", connectionId, jobId, failure: job.failure });
      onEnd();
    },
  });
  return run;
}
