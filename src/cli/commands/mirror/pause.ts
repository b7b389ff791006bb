import { formatMirror } from "../../format/mirror-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class MirrorPause extends SmCommand {
  static override description = "Pause the mirror of a connection, also over restarts. Replication goes on.";
  static override examples = ["sm mirror pause 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(MirrorPause);
    const result = await this.api(flags).call("mirror.pause", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ mirror }) => formatMirror(mirror));
  }
}
