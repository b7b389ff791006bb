import * as Args from "@oclif/core/args";
import { SmCommand } from "../../sm-command.js";

export default class RepsetDelete extends SmCommand {
  static override description = "Delete a replication set that no connection uses. No file is touched.";
  static override examples = ["sm repset delete home"];
  static override args = { set: Args.string({ description: "name of the replication set", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetDelete);
    this.show(await this.api(flags).call("repset.delete", { name: args.set }), flags, ({ deleted }) => `deleted ${deleted}`);
  }
}
