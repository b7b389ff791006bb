import { formatConnection } from "../../format/connection-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class ConnectionReject extends SmCommand {
  static override description =
    "Never send what a connection holds back. The target keeps what it has; nothing is sent until `sm mirror start`, which removes nothing there.";
  static override examples = ["sm connection reject 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConnectionReject);
    const result = await this.api(flags).call("connection.reject", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ connection }) => formatConnection(connection));
  }
}
