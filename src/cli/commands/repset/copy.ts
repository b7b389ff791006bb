import * as Args from "@oclif/core/args";
import { formatRepset } from "../../format/repset-text.js";
import { SmCommand } from "../../sm-command.js";

export default class RepsetCopy extends SmCommand {
  static override description = "Copy a replication set under another name.";
  static override examples = ["sm repset copy home homes"];
  static override args = {
    set: Args.string({ description: "name of the replication set", required: true }),
    new: Args.string({ description: "the other name", required: true }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetCopy);
    this.show(await this.api(flags).call("repset.copy", { name: args.set, to: args.new }), flags, ({ repset }) => formatRepset(repset));
  }
}
