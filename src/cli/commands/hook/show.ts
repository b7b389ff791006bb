import { formatHook } from "../../format/hook-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { hookArg } from "../../parse/hook-name.js";
import { SmCommand } from "../../sm-command.js";

export default class HookShow extends SmCommand {
  static override description = "One hook, and how its last run ended.";
  static override examples = ["sm hook show 1 quiesce"];
  static override args = { ...connectionArg, ...hookArg };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(HookShow);
    const result = await this.api(flags).call("hook.show", { id: parseConnectionId(args.conn), name: args.name });
    this.show(result, flags, ({ hook }) => formatHook(hook));
  }
}
