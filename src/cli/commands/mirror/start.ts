import * as Flags from "@oclif/core/flags";
import type { JobReport } from "../../../model/job.js";
import { formatJob } from "../../format/job-text.js";
import { formatMirror } from "../../format/mirror-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { orphanFlags, parseOrphanFlags } from "../../parse/orphan-flags.js";
import { jobExitCode } from "../../progress/job-wait.js";
import { mirrorExitCode, waitForMirror } from "../../progress/mirror-wait.js";
import { waitForMirrorOrphans } from "../../progress/orphans-wait.js";
import { openProgress } from "../../progress/progress.js";
import { SmCommand } from "../../sm-command.js";

export default class MirrorStart extends SmCommand {
  static override description = "Mirror a connection: bring the target to the state of the source.";
  static override examples = [
    "sm mirror start 1",
    "sm mirror start 1 --mode full --wait --timeout 1h",
    "sm mirror start 1 --checksum-all --path /data/db --wait",
    "sm mirror start 1 --orphans move --to /srv/orphans --older-than 7d --wait",
  ];
  static override args = connectionArg;
  static override flags = {
    mode: Flags.string({ description: "send everything, or what differs", options: ["full", "difference"], default: "difference" }),
    checksum: Flags.boolean({ description: "compare files whose size or time differs block by block, whatever their size, and send the blocks that differ" }),
    "checksum-all": Flags.boolean({ description: "compare the contents of all files, and send the blocks that differ", exclusive: ["checksum"] }),
    newer: Flags.boolean({ description: "send files only if they are newer on the source; the others are left alone and told" }),
    path: Flags.string({ description: "mirror this directory or file of the source only, with all below (again for more)", multiple: true }),
    ...orphanFlags,
    wait: Flags.boolean({ description: "return when the mirror has ended; exit code 5 when it had problems" }),
    timeout: Flags.string({ description: "with --wait: at most this long; exit code 6 then", dependsOn: ["wait"] }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(MirrorStart);
    const id = parseConnectionId(args.conn);
    const timeoutMs = flags.timeout === undefined ? Number.POSITIVE_INFINITY : parseDurationSeconds("--timeout", flags.timeout) * 1000;
    const content = flags["checksum-all"] ? "checksum-all" : flags.checksum ? "checksum" : "times";
    const api = this.api(flags);
    let { mirror } = await api.call("mirror.start", {
      id,
      mode: flags.mode as "full" | "difference",
      content,
      newerOnly: flags.newer,
      orphans: parseOrphanFlags(flags),
      ...(flags.path === undefined ? {} : { paths: flags.path }),
    });
    let orphansJob: JobReport | null = null;
    if (flags.wait) {
      const deadline = performance.now() + timeoutMs;
      const progress = await openProgress({ stream: process.stderr, isSilent: flags.json });
      try {
        mirror = await waitForMirror({ api, id, mirror, timeoutMs, progress });
      } finally {
        progress.close();
      }
      orphansJob = await waitForMirrorOrphans(api, mirror, deadline, flags.json === true);
      this.exitWith(Math.max(mirrorExitCode(mirror), orphansJob === null ? 0 : jobExitCode(orphansJob)));
    }
    const job = orphansJob === null ? [] : [formatJob(orphansJob)];
    this.show(orphansJob === null ? { mirror } : { mirror, orphansJob }, flags, () => [formatMirror(mirror), ...job].join("\n"));
  }
}
