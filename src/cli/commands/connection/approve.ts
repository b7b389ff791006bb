import { formatConnection } from "../../format/connection-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class ConnectionApprove extends SmCommand {
  static override description = "Send what a connection holds back because its source lost many files at once.";
  static override examples = ["sm connection approve 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConnectionApprove);
    const result = await this.api(flags).call("connection.approve", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ connection }) => formatConnection(connection));
  }
}
