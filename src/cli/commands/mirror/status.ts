import { formatMirror } from "../../format/mirror-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class MirrorStatus extends SmCommand {
  static override description = "Show the mirror of a connection: how far it is, or how the last one ended.";
  static override examples = ["sm mirror status 1", "sm mirror status 1 --json"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(MirrorStatus);
    const { connection } = await this.api(flags).call("connection.show", { id: parseConnectionId(args.conn) });
    this.show({ mirror: connection.mirror }, flags, ({ mirror }) => formatMirror(mirror));
  }
}
