import * as Args from "@oclif/core/args";
import { changeSetting, noteOf } from "../../config-edit.js";
import { formatChanged } from "../../format/config-text.js";
import { SmCommand } from "../../sm-command.js";

const DEADLINE_MS = 610_000;

export default class ConfigUnset extends SmCommand {
  static override description =
    "Take a field out of sm.yaml, whose comments stay, and load that: its default is in force again. Where no agent runs the file is changed all the same, for the next start.";
  static override examples = ["sm config unset guard.lostPercent"];
  static override args = { key: Args.string({ description: "a field such as queue.memoryMiB", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigUnset);
    const directories = this.agentPlace(flags).kind === "here" ? this.directories(flags) : null;
    const ask = () => this.api(flags).call("config.unset", { key: args.key }, { deadlineMs: DEADLINE_MS });
    const changed = await changeSetting(ask, { key: args.key, value: undefined, directories, flags });
    const note = noteOf(changed);
    if (note !== null) this.note(note);
    this.show(changed, flags, formatChanged);
  }
}
