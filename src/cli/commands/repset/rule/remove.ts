import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatRulePlan } from "../../../format/plan-text.js";
import { formatRepsetSaved } from "../../../format/repset-text.js";
import { namesFlag } from "../../../parse/names-flag.js";
import { absolutePath } from "../../../parse/rule-flags.js";
import { planOfEdit } from "../../../rule-plan.js";
import { SmCommand } from "../../../sm-command.js";

export default class RepsetRuleRemove extends SmCommand {
  static override description = "Remove the rule of a path from a replication set.";
  static override examples = ["sm repset rule remove home /srv/data", "sm repset rule remove home /srv/data --dry-run --names 100"];
  static override args = {
    set: Args.string({ description: "name of the replication set", required: true }),
    path: Args.string({ description: "path of the rule", required: true }),
  };
  static override flags = {
    include: Flags.boolean({ description: "only the rule that includes the path", exclusive: ["exclude"] }),
    exclude: Flags.boolean({ description: "only the rule that excludes the path" }),
    generation: Flags.integer({ description: "refuse when the set was saved since this generation", min: 0 }),
    "dry-run": Flags.boolean({ description: "save nothing: tell what would belong to the set, and what not any more" }),
    names: namesFlag,
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetRuleRemove);
    const mode = flags.include ? "include" : flags.exclude ? "exclude" : undefined;
    const api = this.api(flags);
    const rule = { path: absolutePath(args.path, this.cwd(flags)), mode } as const;
    const planned = await planOfEdit(api, { name: args.set, edit: { kind: "remove", ...rule } }, flags);
    if (planned !== null) return this.show(planned, flags, ({ plan }) => formatRulePlan(plan));
    this.show(await api.call("repset.rule.remove", { name: args.set, ...rule, generation: flags.generation }), flags, formatRepsetSaved);
  }
}
