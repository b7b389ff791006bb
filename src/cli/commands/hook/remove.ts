import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { hookArg } from "../../parse/hook-name.js";
import { SmCommand } from "../../sm-command.js";

export default class HookRemove extends SmCommand {
  static override description = "Remove a hook; what runs of it goes on to its end.";
  static override examples = ["sm hook remove 1 quiesce"];
  static override args = { ...connectionArg, ...hookArg };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(HookRemove);
    const result = await this.api(flags).call("hook.remove", { id: parseConnectionId(args.conn), name: args.name });
    this.show(result, flags, ({ hook }) => `hook ${hook.name} of connection ${hook.connectionId} is removed`);
  }
}
