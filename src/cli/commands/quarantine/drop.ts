import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatQuarantine } from "../../format/quarantine-text.js";
import { SmCommand } from "../../sm-command.js";

export default class QuarantineDrop extends SmCommand {
  static override description = "Give paths of the quarantine up: the connection requires a mirror then, which is started on the source.";
  static override examples = ["sm quarantine drop /copy/locked", "sm quarantine drop --all"];
  static override args = { path: Args.string({ description: "as `sm quarantine list` shows it", required: false }) };
  static override flags = { all: Flags.boolean({ description: "all paths in quarantine" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(QuarantineDrop);
    const result = await this.api(flags).call("quarantine.drop", { ...(args.path === undefined ? {} : { path: args.path }), all: flags.all });
    this.show(result, flags, ({ entries }) => formatQuarantine(entries));
    this.note("given up; on the source, run `sm mirror start CONN`");
  }
}
