import * as Args from "@oclif/core/args";
import { isJobOver } from "../../../model/job.js";
import { formatJob } from "../../format/job-text.js";
import { SmCommand } from "../../sm-command.js";

export default class RestoreStatus extends SmCommand {
  static override description = "Show the restores that run here, and the last one of each replication set.";
  static override examples = ["sm restore status", "sm restore status web --json"];
  static override args = { set: Args.string({ description: "only those of this replication set", required: false }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RestoreStatus);
    const { jobs } = await this.api(flags).call("job.list", {});
    const restores = jobs.filter((job) => job.kind === "restore" && (args.set === undefined || job.repset === args.set));
    const shown = restores.filter((job, index) => !isJobOver(job) || restores.findIndex(({ repset }) => repset === job.repset) === index);
    this.show({ jobs: shown }, flags, () => (shown.length === 0 ? "there was no restore" : shown.map(formatJob).join("\n")));
  }
}
