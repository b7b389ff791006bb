import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import { formatExplanation } from "../format/explanation-text.js";
import { absolutePath } from "../parse/rule-flags.js";
import { SmCommand } from "../sm-command.js";

export default class Explain extends SmCommand {
  static override description = "Tell what replication makes of a path on this source, and why.";
  static override examples = ["sm explain /srv/www/index.html", "sm explain ./cache --json"];
  static override args = { path: Args.string({ description: "a file or directory, there or not", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Explain);
    const result = await this.api(flags).call("explain", { path: resolve(absolutePath(args.path, this.cwd(flags))) });
    this.show(result, flags, ({ explanation }) => formatExplanation(explanation));
  }
}
