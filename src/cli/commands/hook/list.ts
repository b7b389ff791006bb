import * as Args from "@oclif/core/args";
import { formatHooks } from "../../format/hook-text.js";
import { parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class HookList extends SmCommand {
  static override description = "The hooks of a connection, or of all, in the order in which they run.";
  static override examples = ["sm hook list", "sm hook list 1 --json"];
  static override args = { conn: Args.string({ description: "number of the connection; default: all" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(HookList);
    const result = await this.api(flags).call("hook.list", args.conn === undefined ? {} : { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ hooks }) => formatHooks(hooks));
  }
}
