import * as Args from "@oclif/core/args";
import { formatReload } from "../../format/config-text.js";
import { SmCommand } from "../../sm-command.js";

const DEADLINE_MS = 610_000;

export default class ConfigUnset extends SmCommand {
  static override description = "Take a field out of sm.yaml, whose comments stay, and load that: its default is in force again.";
  static override examples = ["sm config unset guard.lostPercent"];
  static override args = { key: Args.string({ description: "a field such as queue.memoryMiB", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigUnset);
    const result = await this.api(flags).call("config.unset", { key: args.key }, { deadlineMs: DEADLINE_MS });
    this.show(result, flags, ({ reload }) => formatReload(reload));
  }
}
