import { formatConnection } from "../../format/connection-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class ConnectionShow extends SmCommand {
  static override description = "Show one connection with its counters, its reasons and its problems.";
  static override examples = ["sm connection show 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConnectionShow);
    const result = await this.api(flags).call("connection.show", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ connection }) => formatConnection(connection));
  }
}
