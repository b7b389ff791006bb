import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatRulePlan } from "../../../format/plan-text.js";
import { formatRepsetSaved } from "../../../format/repset-text.js";
import { namesFlag } from "../../../parse/names-flag.js";
import { absolutePath } from "../../../parse/rule-flags.js";
import { planOfEdit } from "../../../rule-plan.js";
import { SmCommand } from "../../../sm-command.js";

export default class RepsetRuleAdd extends SmCommand {
  static override description = "Add a rule to a replication set.";
  static override examples = ["sm repset rule add home /srv/data --include", "sm repset rule add home '/home/*/.cache' --exclude --dry-run"];
  static override args = {
    set: Args.string({ description: "name of the replication set", required: true }),
    path: Args.string({ description: "directory, file or glob", required: true }),
  };
  static override flags = {
    include: Flags.boolean({ description: "replicate the path", exactlyOne: ["include", "exclude"] }),
    exclude: Flags.boolean({ description: "leave the path out", exactlyOne: ["include", "exclude"] }),
    recursive: Flags.boolean({ description: "the rule holds for what is below, too", allowNo: true, default: true }),
    generation: Flags.integer({ description: "refuse when the set was saved since this generation", min: 0 }),
    "dry-run": Flags.boolean({ description: "save nothing: tell what would belong to the set, and what not any more" }),
    names: namesFlag,
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetRuleAdd);
    const rule = { path: absolutePath(args.path, this.cwd(flags)), mode: flags.include ? "include" : "exclude", recursive: flags.recursive } as const;
    const api = this.api(flags);
    const planned = await planOfEdit(api, { name: args.set, edit: { kind: "add", rule } }, flags);
    if (planned !== null) return this.show(planned, flags, ({ plan }) => formatRulePlan(plan));
    const saved = await api.call("repset.rule.add", { name: args.set, rule, generation: flags.generation });
    this.show(saved, flags, formatRepsetSaved);
  }
}
