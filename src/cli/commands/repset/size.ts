import * as Args from "@oclif/core/args";
import { formatRepsetSize } from "../../format/repset-text.js";
import { SmCommand } from "../../sm-command.js";

const WALK_DEADLINE_MS = 610_000;

export default class RepsetSize extends SmCommand {
  static override description = "Count the files, directories and bytes of a replication set.";
  static override examples = ["sm repset size home"];
  static override args = { set: Args.string({ description: "name of the replication set", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetSize);
    const result = await this.api(flags).call("repset.size", { name: args.set }, { deadlineMs: WALK_DEADLINE_MS });
    this.show(result, flags, ({ size }) => formatRepsetSize(args.set, size));
  }
}
