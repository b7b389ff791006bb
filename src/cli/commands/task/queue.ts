import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { TASK_TIMEOUT_SECONDS } from "../../../model/task.js";
import { formatTask } from "../../format/task-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseProgram, parseTaskTimeout } from "../../parse/program-flag.js";
import { taskExitCode, waitForTask } from "../../progress/task-wait.js";
import { SmCommand } from "../../sm-command.js";

const program = (description: string) => Flags.string({ description, helpValue: "'PATH [ARGS]'" });

export default class TaskQueue extends SmCommand {
  static override description =
    "Put programs into the order of a connection's changes, behind all that is on the source now; returns when they have their place. " +
    "What is changed on the source from then on is applied on the target after --on-execute has run there.";
  static override examples = ["sm task queue 1 nightly --on-execute '/opt/sm-tasks/snapshot.sh daily' --timeout 10m --wait"];
  static override args = { ...connectionArg, name: Args.string({ description: "for people and logs", required: true }) };
  static override flags = {
    "on-queue": program("runs on the source, once the task has its place"),
    "on-transmit": program("runs on the source, just before the task is sent"),
    "on-receive": program("runs on the target, when the task came"),
    "on-execute": program("runs on the target, when all before it is applied and nothing behind it"),
    timeout: Flags.string({
      description: `how long what is behind it waits for each program, which is ended then; 0 = not at all; forever (default: ${TASK_TIMEOUT_SECONDS}s)`,
      helpValue: "TIME",
    }),
    wait: Flags.boolean({ description: "return when it has ended; exit code 5 unless all of it ended with 0" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TaskQueue);
    const { "on-queue": queue, "on-transmit": transmit, "on-receive": receive, "on-execute": execute, timeout } = flags;
    const api = this.api(flags);
    const queued = await api.call("task.queue", {
      id: parseConnectionId(args.conn),
      name: args.name,
      ...(queue === undefined ? {} : { onQueue: parseProgram("--on-queue", queue) }),
      ...(transmit === undefined ? {} : { onTransmit: parseProgram("--on-transmit", transmit) }),
      ...(receive === undefined ? {} : { onReceive: parseProgram("--on-receive", receive) }),
      ...(execute === undefined ? {} : { onExecute: parseProgram("--on-execute", execute) }),
      ...(timeout === undefined ? {} : { timeoutSeconds: parseTaskTimeout(timeout) }),
    });
    const task = flags.wait ? await waitForTask(api, queued.task, Number.POSITIVE_INFINITY) : queued.task;
    if (flags.wait) this.exitWith(taskExitCode(task));
    this.show({ task }, flags, () => formatTask(task));
  }
}
