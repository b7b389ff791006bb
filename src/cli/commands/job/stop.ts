import { formatJob } from "../../format/job-text.js";
import { jobArg, parseJobId } from "../../parse/job-id.js";
import { SmCommand } from "../../sm-command.js";

export default class JobStop extends SmCommand {
  static override description = "End a job; what it found so far is kept.";
  static override examples = ["sm job stop 3"];
  static override args = jobArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(JobStop);
    const result = await this.api(flags).call("job.stop", { job: parseJobId(args.job) });
    this.show(result, flags, ({ job }) => formatJob(job));
  }
}
