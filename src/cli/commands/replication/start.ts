import * as Flags from "@oclif/core/flags";
import { formatConnection } from "../../format/connection-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class ReplicationStart extends SmCommand {
  static override description =
    "Replicate the changes of a connection again. What changed while that was stopped is brought over by a difference mirror, which begins at once.";
  static override examples = ["sm replication start 1", "sm replication start 1 --no-mirror"];
  static override args = connectionArg;
  static override flags = {
    "no-mirror": Flags.boolean({ description: "leave the mirror to `sm mirror start`: until then the target is no copy" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ReplicationStart);
    const result = await this.api(flags).call("replication.start", { id: parseConnectionId(args.conn), mirror: !flags["no-mirror"] });
    this.show(result, flags, ({ connection }) => formatConnection(connection));
  }
}
