import * as Args from "@oclif/core/args";
import { formatQueue } from "../../format/queue-text.js";
import { parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class QueueShow extends SmCommand {
  static override description = "Show the queues of this source: what waits for each connection, how fast it drains, the limits and how full they are.";
  static override examples = ["sm queue show", "sm queue show 1 --json"];
  static override args = { conn: Args.string({ description: "only this connection", required: false }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(QueueShow);
    const input = args.conn === undefined ? {} : { id: parseConnectionId(args.conn) };
    this.show(await this.api(flags).call("queue.show", input), flags, ({ queue }) => formatQueue(queue));
  }
}
