import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import type { JobReport } from "../../../model/job.js";
import { formatJob } from "../../format/job-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { NAMES_SHOWN, namesFlag } from "../../parse/names-flag.js";
import { jobExitCode, waitForStarted } from "../../progress/job-wait.js";
import { SmCommand } from "../../sm-command.js";

/** With the first findings only: what is not among them is counted. */
function withNames(job: JobReport, count: number): JobReport {
  return job.kind === "orphans" ? { ...job, orphans: { ...job.orphans, findings: job.orphans.findings.slice(0, count) } } : job;
}

const ACTIONS = ["report", "delete", "move"] as const;

export default class OrphansStart extends SmCommand {
  static override description =
    "Find what the target has and the source does not, and report, delete or move it. Names that the replication set excludes are left alone.";
  static override examples = [
    "sm orphans start 1 --wait",
    "sm orphans start 1 --action delete --older-than 7d --dry-run",
    "sm orphans start 1 --action move --to /srv/orphans --yes",
  ];
  static override args = connectionArg;
  static override flags = {
    action: Flags.option({ options: ACTIONS, default: "report" as const, description: "what becomes of orphans; report changes nothing" })(),
    to: Flags.string({ description: "with --action move: a directory on the target, outside of what is replicated" }),
    "older-than": Flags.string({ description: "only files that were modified longer ago than this; directories when nothing is left in them" }),
    "include-excluded": Flags.boolean({ description: "also names that the replication set excludes and the source does not have" }),
    yes: Flags.boolean({ description: "also when they are more than orphans.confirmFiles, or more than half of what the target has" }),
    "dry-run": Flags.boolean({ description: "change nothing: wait, and tell what would become of what" }),
    names: namesFlag,
    wait: Flags.boolean({ description: "return when it has ended; exit code 5 when orphans are left" }),
    timeout: Flags.string({ description: "with --wait or --dry-run: at most this long; exit code 6 then, and it goes on" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(OrphansStart);
    const { action } = flags;
    if ((action === "move") !== (flags.to !== undefined)) throw new SmError("USAGE", "--to DIR goes with --action move, and only with it");
    const isWaiting = flags.wait || flags["dry-run"];
    if (flags.names !== undefined && !flags["dry-run"]) throw new SmError("USAGE", "--names goes with --dry-run");
    if (flags.timeout !== undefined && !isWaiting) throw new SmError("USAGE", "--timeout goes with --wait or --dry-run");
    if (flags.timeout !== undefined) parseDurationSeconds("--timeout", flags.timeout);
    const olderThan = flags["older-than"];
    const olderThanMs = olderThan === undefined ? null : Math.round(parseDurationSeconds("--older-than", olderThan) * 1000);
    const terms = { includesExcluded: flags["include-excluded"], isConfirmed: flags.yes, isDryRun: flags["dry-run"] };
    const api = this.api(flags);
    let { job } = await api.call("orphans.start", { id: parseConnectionId(args.conn), action, to: flags.to ?? null, olderThanMs, ...terms });
    if (isWaiting) {
      job = await waitForStarted({ api, job, timeout: flags.timeout, isJson: flags.json === true });
      this.exitWith(jobExitCode(job));
    }
    if (flags["dry-run"]) job = withNames(job, flags.names ?? NAMES_SHOWN);
    this.show({ job }, flags, () => formatJob(job));
  }
}
