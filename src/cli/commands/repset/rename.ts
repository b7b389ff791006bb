import * as Args from "@oclif/core/args";
import { formatRepset } from "../../format/repset-text.js";
import { SmCommand } from "../../sm-command.js";

export default class RepsetRename extends SmCommand {
  static override description = "Give a replication set another name.";
  static override examples = ["sm repset rename home homes"];
  static override args = {
    set: Args.string({ description: "name of the replication set", required: true }),
    new: Args.string({ description: "the other name", required: true }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetRename);
    this.show(await this.api(flags).call("repset.rename", { name: args.set, to: args.new }), flags, ({ repset }) => formatRepset(repset));
  }
}
