import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { tokenNote } from "../../format/user-text.js";
import { parseExpiry } from "../../parse/expiry-flag.js";
import { SmCommand } from "../../sm-command.js";

export default class UserToken extends SmCommand {
  static override description = "Make a new token for a user, and print it, once. The one before is over at once.";
  static override examples = ["sm user token grafana > grafana.token", "sm user token grafana --expires 90d > grafana.token"];
  static override args = { name: Args.string({ description: "name of the user", required: true }) };
  static override flags = {
    expires: Flags.string({
      description: "when the token ends: a time, how long it lasts, or never (default: it lasts as long as the one before was meant to)",
      helpValue: "TIME|DURATION|never",
    }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(UserToken);
    const { expires } = flags;
    const expiresAt = expires === undefined || expires === "never" ? expires : parseExpiry("--expires", expires, Date.now());
    const result = await this.api(flags).call("user.token", { name: args.name, expiresAt });
    if (!flags.json) this.note(tokenNote(result.user, result.serverFingerprint));
    this.show(result, flags, ({ token }) => token);
  }
}
