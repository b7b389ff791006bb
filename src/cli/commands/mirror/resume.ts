import { formatMirror } from "../../format/mirror-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class MirrorResume extends SmCommand {
  static override description = "Go on with a paused mirror: what was compared and sent is not done again.";
  static override examples = ["sm mirror resume 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(MirrorResume);
    const result = await this.api(flags).call("mirror.resume", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ mirror }) => formatMirror(mirror));
  }
}
