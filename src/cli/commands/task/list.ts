import * as Args from "@oclif/core/args";
import { formatTasks } from "../../format/task-text.js";
import { parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class TaskList extends SmCommand {
  static override description = "The tasks of a connection, or of all: those that wait, and the last that ended.";
  static override examples = ["sm task list", "sm task list 1 --json"];
  static override args = { conn: Args.string({ description: "number of the connection; default: all" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TaskList);
    const result = await this.api(flags).call("task.list", args.conn === undefined ? {} : { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ tasks }) => formatTasks(tasks));
  }
}
