import { formatJob } from "../../format/job-text.js";
import { stopJobs } from "../../jobs/connection-jobs.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class OrphansStop extends SmCommand {
  static override description = "End the orphans jobs of a connection; what they did stays done. None is running: nothing is done.";
  static override examples = ["sm orphans stop 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(OrphansStop);
    const jobs = await stopJobs(this.api(flags), { connectionId: parseConnectionId(args.conn), kind: "orphans" });
    this.show({ jobs }, flags, () => (jobs.length === 0 ? "no orphans job is running" : jobs.map(formatJob).join("\n")));
  }
}
