import { formatMirror } from "../../format/mirror-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class MirrorStop extends SmCommand {
  static override description =
    "Stop the mirror of a connection. It begins anew when it is started again; `sm mirror pause` keeps what is done. Replication goes on.";
  static override examples = ["sm mirror stop 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(MirrorStop);
    const result = await this.api(flags).call("mirror.stop", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ mirror }) => formatMirror(mirror));
  }
}
