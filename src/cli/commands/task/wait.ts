import * as Flags from "@oclif/core/flags";
import { formatTask } from "../../format/task-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { parseTaskNumber, taskArg } from "../../parse/task-number.js";
import { taskExitCode, waitForTask } from "../../progress/task-wait.js";
import { SmCommand } from "../../sm-command.js";

export default class TaskWait extends SmCommand {
  static override description = "Return when a task has ended; exit code 5 unless all of it ended with 0.";
  static override examples = ["sm task wait 1 3", "sm task wait 1 3 --timeout 10m"];
  static override args = { ...connectionArg, ...taskArg };
  static override flags = { timeout: Flags.string({ description: "at most this long; exit code 6 then, and it goes on" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TaskWait);
    const timeoutMs = flags.timeout === undefined ? Number.POSITIVE_INFINITY : parseDurationSeconds("--timeout", flags.timeout) * 1000;
    const wanted = { connectionId: parseConnectionId(args.conn), number: parseTaskNumber(args.task) };
    const task = await waitForTask(this.api(flags), wanted, timeoutMs);
    this.exitWith(taskExitCode(task));
    this.show({ task }, flags, () => formatTask(task));
  }
}
