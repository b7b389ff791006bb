import { formatJob } from "../../format/job-text.js";
import { stopJobs } from "../../jobs/connection-jobs.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class VerifyStop extends SmCommand {
  static override description = "End the verifications of a connection; what they found so far is kept. None is running: nothing is done.";
  static override examples = ["sm verify stop 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(VerifyStop);
    const jobs = await stopJobs(this.api(flags), { connectionId: parseConnectionId(args.conn), kind: "verify" });
    this.show({ jobs }, flags, () => (jobs.length === 0 ? "no verification is running" : jobs.map(formatJob).join("\n")));
  }
}
