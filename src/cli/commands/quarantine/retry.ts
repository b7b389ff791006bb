import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatQuarantine } from "../../format/quarantine-text.js";
import { SmCommand } from "../../sm-command.js";

export default class QuarantineRetry extends SmCommand {
  static override description = "Try paths of the quarantine again now: the source ships them as they are.";
  static override examples = ["sm quarantine retry /copy/locked", "sm quarantine retry --all"];
  static override args = { path: Args.string({ description: "as `sm quarantine list` shows it", required: false }) };
  static override flags = { all: Flags.boolean({ description: "all paths in quarantine" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(QuarantineRetry);
    const result = await this.api(flags).call("quarantine.retry", { ...(args.path === undefined ? {} : { path: args.path }), all: flags.all });
    this.show(result, flags, ({ entries }) => formatQuarantine(entries));
    this.note("what is tried; see `sm quarantine list` for what became of it");
  }
}
