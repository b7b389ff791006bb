import * as Flags from "@oclif/core/flags";
import { formatJobList } from "../../format/job-text.js";
import { parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class JobList extends SmCommand {
  static override description = "List the jobs of the connections, the newest first.";
  static override examples = ["sm job list", "sm job list --connection 1"];
  static override flags = { connection: Flags.string({ description: "only those of this connection" }) };

  override async run(): Promise<void> {
    const { flags } = await this.parse(JobList);
    const input = flags.connection === undefined ? {} : { id: parseConnectionId(flags.connection) };
    const result = await this.api(flags).call("job.list", input);
    this.show(result, flags, ({ jobs }, width) => formatJobList(jobs, width));
  }
}
