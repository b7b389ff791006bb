import * as Flags from "@oclif/core/flags";
import { formatJob } from "../../format/job-text.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { jobArg, parseJobId } from "../../parse/job-id.js";
import { jobExitCode, waitForJob } from "../../progress/job-wait.js";
import { SmCommand } from "../../sm-command.js";

export default class JobWaitCommand extends SmCommand {
  static override description = "Return when a job has ended; exit code 5 when something is left that it found, or when it was stopped.";
  static override examples = ["sm job wait 3", "sm job wait 3 --timeout 10m"];
  static override args = jobArg;
  static override flags = { timeout: Flags.string({ description: "at most this long; exit code 6 then, and it goes on" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(JobWaitCommand);
    const timeoutMs = flags.timeout === undefined ? Number.POSITIVE_INFINITY : parseDurationSeconds("--timeout", flags.timeout) * 1000;
    const api = this.api(flags);
    const first = await api.call("job.show", { job: parseJobId(args.job) });
    const job = await waitForJob({ api, job: first.job, timeoutMs, stream: flags.json ? null : process.stderr });
    this.exitWith(jobExitCode(job));
    this.show({ job }, flags, () => formatJob(job));
  }
}
