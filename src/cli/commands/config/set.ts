import * as Args from "@oclif/core/args";
import { changeSetting, noteOf } from "../../config-edit.js";
import { formatChanged } from "../../format/config-text.js";
import { SmCommand } from "../../sm-command.js";

const DEADLINE_MS = 610_000;

export default class ConfigSet extends SmCommand {
  static override description =
    "Set a field in sm.yaml, whose comments stay, and load it. All files are checked first: nothing is written when they would be wrong. Values are written as in the file: 64, null, [EPERM, EACCES]. Where no agent runs the file is changed all the same, for the next start.";
  static override examples = ["sm config set guard.lostPercent 20", "sm config set queue.diskMiB null", "sm config set apply.refusals '[EPERM]' --json"];
  static override args = {
    key: Args.string({ description: "a field such as queue.memoryMiB", required: true }),
    value: Args.string({ description: "its value", required: true }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigSet);
    const directories = this.agentPlace(flags).kind === "here" ? this.directories(flags) : null;
    const ask = () => this.api(flags).call("config.set", { key: args.key, value: args.value }, { deadlineMs: DEADLINE_MS });
    const changed = await changeSetting(ask, { key: args.key, value: args.value, directories, flags });
    const note = noteOf(changed);
    if (note !== null) this.note(note);
    this.show(changed, flags, formatChanged);
  }
}
