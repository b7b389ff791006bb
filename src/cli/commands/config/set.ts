import * as Args from "@oclif/core/args";
import { formatReload } from "../../format/config-text.js";
import { SmCommand } from "../../sm-command.js";

const DEADLINE_MS = 610_000;

export default class ConfigSet extends SmCommand {
  static override description =
    "Set a field in sm.yaml, whose comments stay, and load it. All files are checked first: nothing is written when they would be wrong. Values are written as in the file: 64, null, [EPERM, EACCES].";
  static override examples = ["sm config set guard.lostPercent 20", "sm config set queue.diskMiB null", "sm config set apply.refusals '[EPERM]' --json"];
  static override args = {
    key: Args.string({ description: "a field such as queue.memoryMiB", required: true }),
    value: Args.string({ description: "its value", required: true }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigSet);
    const result = await this.api(flags).call("config.set", { key: args.key, value: args.value }, { deadlineMs: DEADLINE_MS });
    this.show(result, flags, ({ reload }) => formatReload(reload));
  }
}
