import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import { formatPreview } from "../../format/schedule-text.js";
import { SmCommand } from "../../sm-command.js";

export default class SchedulePreview extends SmCommand {
  static override description = "Show the next times of a calendar event, by the clock of the agent.";
  static override examples = ["sm schedule preview 'mon..fri 8..17:0/30'", "sm schedule preview '*-1..7 22:00' --count 10 --from '2026-12-01 00:00'"];
  static override args = { expr: Args.string({ description: "calendar event, such as daily, 22:30, or sat *-1..7 15:00", required: true }) };
  static override flags = {
    count: Flags.string({ description: "how many, up to 100", default: "5" }),
    from: Flags.string({ description: "after this time instead of now", helpValue: "TIME" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(SchedulePreview);
    if (!/^[1-9]\d{0,2}$/.test(flags.count) || Number(flags.count) > 100)
      throw new SmError("USAGE", `--count is ${JSON.stringify(flags.count)}, but must be 1 to 100`);
    const from = flags.from === undefined ? {} : { from: flags.from };
    const result = await this.api(flags).call("schedule.preview", { event: args.expr, count: Number(flags.count), ...from });
    this.show(result, flags, formatPreview);
  }
}
