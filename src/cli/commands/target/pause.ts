import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatTargetPauses } from "../../format/status-text.js";
import { parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class TargetPause extends SmCommand {
  static override description = "Let this server's target apply nothing: of one connection, or of all. What is being applied is completed; sources queue.";
  static override examples = ["sm target pause", "sm target pause 1 --source alpha"];
  static override args = { conn: Args.string({ name: "conn", description: "number of the connection on its source; default: all connections" }) };
  static override flags = { source: Flags.string({ description: "the source whose connection is meant", helpValue: "NAME" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TargetPause);
    const connection = args.conn === undefined ? {} : { connectionId: parseConnectionId(args.conn) };
    const source = flags.source === undefined ? {} : { source: flags.source };
    const result = await this.api(flags).call("target.pause", { ...connection, ...source });
    this.show(result, flags, ({ targets }) => formatTargetPauses(targets));
  }
}
