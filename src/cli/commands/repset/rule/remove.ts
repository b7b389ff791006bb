import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatRepsetSaved } from "../../../format/repset-text.js";
import { absolutePath } from "../../../parse/rule-flags.js";
import { SmCommand } from "../../../sm-command.js";

export default class RepsetRuleRemove extends SmCommand {
  static override description = "Remove the rule of a path from a replication set.";
  static override examples = ["sm repset rule remove home /srv/data"];
  static override args = {
    set: Args.string({ description: "name of the replication set", required: true }),
    path: Args.string({ description: "path of the rule", required: true }),
  };
  static override flags = {
    include: Flags.boolean({ description: "only the rule that includes the path", exclusive: ["exclude"] }),
    exclude: Flags.boolean({ description: "only the rule that excludes the path" }),
    generation: Flags.integer({ description: "refuse when the set was saved since this generation", min: 0 }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetRuleRemove);
    const mode = flags.include ? "include" : flags.exclude ? "exclude" : undefined;
    const input = { name: args.set, path: absolutePath(args.path, process.cwd()), mode, generation: flags.generation } as const;
    this.show(await this.api(flags).call("repset.rule.remove", input), flags, formatRepsetSaved);
  }
}
