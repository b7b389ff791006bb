import * as Args from "@oclif/core/args";
import { formatJob } from "../../format/job-text.js";
import { SmCommand } from "../../sm-command.js";

export default class RestoreStop extends SmCommand {
  static override description =
    "End the restore of a replication set, or all. What is back stays; its connection stays held until the source has its data back.";
  static override examples = ["sm restore stop web", "sm restore stop"];
  static override args = { set: Args.string({ description: "name of the replication set; default: all", required: false }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RestoreStop);
    const result = await this.api(flags).call("restore.stop", { repset: args.set ?? null });
    this.show(result, flags, ({ jobs }) => (jobs.length === 0 ? "no restore is running" : jobs.map(formatJob).join("\n")));
  }
}
