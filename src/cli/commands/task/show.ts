import { formatTask } from "../../format/task-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseTaskNumber, taskArg } from "../../parse/task-number.js";
import { SmCommand } from "../../sm-command.js";

export default class TaskShow extends SmCommand {
  static override description = "One task: where it is, and what became of its programs.";
  static override examples = ["sm task show 1 3"];
  static override args = { ...connectionArg, ...taskArg };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TaskShow);
    const result = await this.api(flags).call("task.show", { id: parseConnectionId(args.conn), task: parseTaskNumber(args.task) });
    this.show(result, flags, ({ task }) => formatTask(task));
  }
}
