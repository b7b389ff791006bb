import * as Args from "@oclif/core/args";
import { tokenNote } from "../../format/user-text.js";
import { SmCommand } from "../../sm-command.js";

export default class UserToken extends SmCommand {
  static override description = "Make a new token for a user, and print it, once. The one before is over at once.";
  static override examples = ["sm user token grafana > grafana.token"];
  static override args = { name: Args.string({ description: "name of the user", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(UserToken);
    const result = await this.api(flags).call("user.token", { name: args.name });
    if (!flags.json) this.note(tokenNote(result.user.name, result.serverFingerprint));
    this.show(result, flags, ({ token }) => token);
  }
}
