import * as Args from "@oclif/core/args";
import { formatRepset } from "../../format/repset-text.js";
import { SmCommand } from "../../sm-command.js";

export default class RepsetShow extends SmCommand {
  static override description = "Show a replication set with its rules and its generation.";
  static override examples = ["sm repset show home", "sm repset show home --json"];
  static override args = { set: Args.string({ description: "name of the replication set", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetShow);
    this.show(await this.api(flags).call("repset.show", { name: args.set }), flags, ({ repset }) => formatRepset(repset));
  }
}
