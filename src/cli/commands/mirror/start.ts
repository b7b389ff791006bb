import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import type { JobReport } from "../../../model/job.js";
import { formatJob } from "../../format/job-text.js";
import { formatMirror } from "../../format/mirror-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { NAMES_SHOWN, namesFlag } from "../../parse/names-flag.js";
import { orphanFlags, parseOrphanFlags } from "../../parse/orphan-flags.js";
import { jobExitCode, waitForStarted } from "../../progress/job-wait.js";
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
    "sm mirror start 1 --newer --dry-run --names 100",
    "sm mirror start 1 --skip-empty --wait",
  ];
  static override args = connectionArg;
  static override flags = {
    mode: Flags.string({ description: "send everything, or what differs", options: ["full", "difference"], default: "difference" }),
    checksum: Flags.boolean({ description: "compare files whose size or time differs block by block, whatever their size, and send the blocks that differ" }),
    "checksum-all": Flags.boolean({ description: "compare the contents of all files, and send the blocks that differ", exclusive: ["checksum"] }),
    newer: Flags.boolean({ description: "send files only if they are newer on the source; the others are left alone and told" }),
    overwrite: Flags.string({
      description: "what the target has: overwrite it, only if it is older (as --newer), or never; what is left alone is told, and stays owed",
      options: ["always", "older", "never"],
      exclusive: ["newer"],
    }),
    "skip-empty": Flags.boolean({
      description: "leave files without content out: what the target has there, or lacks, stays; they are counted, and stay owed",
    }),
    path: Flags.string({ description: "mirror this directory or file of the source only, with all below (again for more)", multiple: true }),
    size: Flags.boolean({ description: "calculate its size first: shows the percentage and the time left (default: mirror.size)", allowNo: true }),
    ...orphanFlags,
    wait: Flags.boolean({ description: "return when the mirror has ended; exit code 5 when it had problems" }),
    "dry-run": Flags.boolean({ description: "change nothing: find out, and tell, what would be sent, deleted and left alone" }),
    names: namesFlag,
    timeout: Flags.string({ description: "with --wait or --dry-run: at most this long; exit code 6 then, and it goes on" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(MirrorStart);
    const id = parseConnectionId(args.conn);
    if (flags.names !== undefined && !flags["dry-run"]) throw new SmError("USAGE", "--names goes with --dry-run");
    if (flags.timeout !== undefined && !flags.wait && !flags["dry-run"]) throw new SmError("USAGE", "--timeout goes with --wait or --dry-run");
    const timeoutMs = flags.timeout === undefined ? Number.POSITIVE_INFINITY : parseDurationSeconds("--timeout", flags.timeout) * 1000;
    const content = flags["checksum-all"] ? "checksum-all" : flags.checksum ? "checksum" : "times";
    const api = this.api(flags);
    const paths = flags.path === undefined ? {} : { paths: flags.path };
    const spared = { ...(flags.overwrite === "never" ? { missingOnly: true } : {}), ...(flags["skip-empty"] ? { skipsEmpty: true } : {}) };
    const wish = {
      id,
      mode: flags.mode as "full" | "difference",
      content,
      newerOnly: flags.newer || flags.overwrite === "older",
      ...spared,
      ...paths,
    } as const;
    const orphans = parseOrphanFlags(flags);
    if (flags["dry-run"]) {
      if (orphans !== null) throw new SmError("USAGE", "a dry run tells of the mirror alone: of orphans, `sm orphans start --dry-run` does");
      const started = await api.call("mirror.plan", { ...wish, namesMax: flags.names ?? NAMES_SHOWN });
      const job = await waitForStarted({ api, job: started.job, timeout: flags.timeout, isJson: flags.json === true });
      this.exitWith(jobExitCode(job));
      this.show({ job }, flags, () => formatJob(job));
      return;
    }
    let { mirror } = await api.call("mirror.start", { ...wish, orphans, ...(flags.size === undefined ? {} : { isSized: flags.size }) });
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
