import * as Args from "@oclif/core/args";
import { SmCommand } from "../../sm-command.js";

export default class UserRemove extends SmCommand {
  static override description = "Remove a user: the token and the certificate are refused from now on, and what is open is closed.";
  static override examples = ["sm user remove grafana"];
  static override args = { name: Args.string({ description: "name of the user", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(UserRemove);
    this.show(await this.api(flags).call("user.remove", { name: args.name }), flags, ({ removed }) => `removed ${removed}`);
  }
}
