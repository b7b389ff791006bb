import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatRepsetSaved } from "../../format/repset-text.js";
import { buildRules } from "../../parse/rule-flags.js";
import { SmCommand } from "../../sm-command.js";

export default class RepsetCreate extends SmCommand {
  static override description = "Create a replication set: the paths that are replicated together.";
  static override examples = ["sm repset create home --include /home --exclude '**/*.tmp'", "sm repset create etc --include /etc --no-recursive"];
  static override args = { set: Args.string({ description: "name of the new set", required: true }) };
  static override flags = {
    include: Flags.string({ description: "directory, file or glob to replicate", helpValue: "PATH", multiple: true, multipleNonGreedy: true, required: true }),
    exclude: Flags.string({
      description: "path or glob to leave out; a relative one counts below each included directory",
      helpValue: "PATTERN",
      multiple: true,
      multipleNonGreedy: true,
      default: [],
    }),
    recursive: Flags.boolean({ description: "include what is below, too", allowNo: true, default: true }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetCreate);
    const rules = buildRules({ include: flags.include, exclude: flags.exclude, recursive: flags.recursive, cwd: this.cwd(flags) });
    this.show(await this.api(flags).call("repset.create", { name: args.set, rules }), flags, formatRepsetSaved);
  }
}
