import { formatJob } from "../../format/job-text.js";
import { lastJob } from "../../jobs/connection-jobs.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class OrphansStatus extends SmCommand {
  static override description = "Show the last orphans job of a connection, running or over, and what it found.";
  static override examples = ["sm orphans status 1", "sm orphans status 1 --json"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(OrphansStatus);
    const job = await lastJob(this.api(flags), { connectionId: parseConnectionId(args.conn), kind: "orphans" });
    this.show({ job }, flags, () => formatJob(job));
  }
}
