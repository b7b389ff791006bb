import * as Args from "@oclif/core/args";
import { formatConnection } from "../../format/connection-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseGuard } from "../../parse/guard-setting.js";
import { SmCommand } from "../../sm-command.js";

export default class ConnectionGuard extends SmCommand {
  static override description = "Set how much the source may lose, or overwrite, at once before a connection holds.";
  static override examples = [
    "sm connection guard 1 20",
    "sm connection guard 1 lost=20,changed=50",
    "sm connection guard 1 off",
    "sm connection guard 1 configured",
  ];
  static override args = {
    ...connectionArg,
    percent: Args.string({
      name: "percent",
      description:
        "percent of its files that may be lost; lost=PERCENT,changed=PERCENT, or one of them; off; or configured: as guard.lostPercent and guard.changedPercent say",
      required: true,
    }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConnectionGuard);
    const input = { id: parseConnectionId(args.conn), ...parseGuard("PERCENT", args.percent) };
    const result = await this.api(flags).call("connection.guard", input);
    this.show(result, flags, ({ connection }) => formatConnection(connection));
  }
}
