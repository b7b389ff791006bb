import { formatJob } from "../../format/job-text.js";
import { jobArg, parseJobId } from "../../parse/job-id.js";
import { SmCommand } from "../../sm-command.js";

export default class JobShow extends SmCommand {
  static override description = "Show a job and what it found.";
  static override examples = ["sm job show 3"];
  static override args = jobArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(JobShow);
    const result = await this.api(flags).call("job.show", { job: parseJobId(args.job) });
    this.show(result, flags, ({ job }) => formatJob(job));
  }
}
