import * as Flags from "@oclif/core/flags";
import { formatConnectionLines } from "../format/connection-text.js";
import { connectionArg, parseConnectionId } from "../parse/connection-id.js";
import { parseDurationSeconds } from "../parse/duration.js";
import { SmCommand } from "../sm-command.js";

const ANSWER_GRACE_MS = 15_000;

export default class Sync extends SmCommand {
  static override description = "Return when all that is on the source now is on the target.";
  static override examples = ["sm sync 1", "sm sync 1 --timeout 5m"];
  static override args = connectionArg;
  static override flags = { timeout: Flags.string({ description: "how long to wait; exit code 6 when that was not enough", default: "60" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Sync);
    const timeoutMs = Math.round(parseDurationSeconds("--timeout", flags.timeout) * 1000);
    const input = { id: parseConnectionId(args.conn), timeoutMs };
    const result = await this.api(flags).call("connection.sync", input, { deadlineMs: timeoutMs + ANSWER_GRACE_MS });
    this.show(result, flags, ({ connection }) => formatConnectionLines(connection).join("\n"));
  }
}
