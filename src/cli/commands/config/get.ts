import * as Args from "@oclif/core/args";
import { formatSettings } from "../../format/config-text.js";
import { SmCommand } from "../../sm-command.js";

export default class ConfigGet extends SmCommand {
  static override description = "Show what is configured and in force: values, defaults, where they come from, and when a change of each is in force.";
  static override examples = ["sm config get", "sm config get queue", "sm config get queue.memoryMiB --json"];
  static override args = { key: Args.string({ description: "a field such as queue.memoryMiB, or a section" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigGet);
    const result = await this.api(flags).call("config.get", args.key === undefined ? {} : { key: args.key });
    this.show(result, flags, ({ settings }) => formatSettings(settings));
  }
}
