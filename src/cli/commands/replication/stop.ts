import { formatConnection } from "../../format/connection-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class ReplicationStop extends SmCommand {
  static override description =
    "Replicate the changes of a connection no more: from now on they are neither queued nor sent, over restarts too. What happened before is still sent, and mirrors go on.";
  static override examples = ["sm replication stop 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ReplicationStop);
    const result = await this.api(flags).call("replication.stop", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ connection }) => formatConnection(connection));
  }
}
