import * as Args from "@oclif/core/args";
import { formatRepsetSize } from "../../format/repset-text.js";
import { openCounting } from "../../progress/counting.js";
import { SmCommand } from "../../sm-command.js";

const ASK_MS = 500;

export default class RepsetSize extends SmCommand {
  static override description = "Count the files, directories and bytes of a replication set. Ctrl-C ends the counting.";
  static override examples = ["sm repset size home"];
  static override args = { set: Args.string({ description: "name of the replication set", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetSize);
    const counting = openCounting(flags.json ? null : process.stderr);
    for (;;) {
      const result = await this.api(flags).call("repset.size", { name: args.set, waitMs: ASK_MS });
      counting.update(formatRepsetSize(args.set, result.size));
      if (!result.size.isComplete) continue;
      counting.close();
      return this.show(result, flags, ({ size }) => formatRepsetSize(args.set, size));
    }
  }
}
