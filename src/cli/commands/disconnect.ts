import { connectionArg, parseConnectionId } from "../parse/connection-id.js";
import { SmCommand } from "../sm-command.js";

const DISCONNECT_DEADLINE_MS = 130_000;

export default class Disconnect extends SmCommand {
  static override description = "End a connection for good; the target forgets it. The copy on the target stays.";
  static override examples = ["sm disconnect 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Disconnect);
    const id = parseConnectionId(args.conn);
    const result = await this.api(flags).call("connection.disconnect", { id }, { deadlineMs: DISCONNECT_DEADLINE_MS });
    this.show(result, flags, ({ disconnected, isTargetTold }) =>
      isTargetTold ? `disconnected ${disconnected}` : `disconnected ${disconnected}; the target has not been told yet (\`sm status\` shows what waits for it)`,
    );
  }
}
