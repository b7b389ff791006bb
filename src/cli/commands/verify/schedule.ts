import * as Flags from "@oclif/core/flags";
import { formatVerifyPlan } from "../../format/verify-plan-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { orphanFlags } from "../../parse/orphan-flags.js";
import { parseVerifySchedule } from "../../parse/verify-schedule-flags.js";
import { SmCommand } from "../../sm-command.js";

export default class VerifySchedule extends SmCommand {
  static override description =
    "Say when a connection is verified by itself, and how. What is not named stays as it is; none takes one thing away. Without options: what is set, and the next times.";
  static override examples = [
    "sm verify schedule 1 --at 'sun 02:00' --checksum-all --repair",
    "sm verify schedule 1 --start '2026-11-20 22:00' --every 12h",
    "sm verify schedule 1 --catch-up --orphans report",
    "sm verify schedule 1 --disable",
    "sm verify schedule 1 --off",
  ];
  static override args = connectionArg;
  static override flags = {
    at: Flags.string({ description: "begins at these times (`sm schedule preview`)", helpValue: "EXPR" }),
    start: Flags.string({ description: "begins then, and not before", helpValue: "TIME" }),
    every: Flags.string({ description: "with --start: and again after each such time", helpValue: "DURATION" }),
    checksum: Flags.boolean({ description: "compare the contents of files whose size or time differs, block by block", allowNo: true }),
    "checksum-all": Flags.boolean({ description: "compare the contents of all files", exclusive: ["checksum"] }),
    repair: Flags.boolean({ description: "send again what differs or is missing", allowNo: true }),
    newer: Flags.boolean({ description: "with --repair: not over files that are newer on the target" }),
    "catch-up": Flags.boolean({ description: "a time that passed while the agent was not running is made up for, once, when it runs again", allowNo: true }),
    ...orphanFlags,
    orphans: Flags.option({
      options: ["report", "delete", "move", "none"] as const,
      description: "at its end, look for orphans: report, delete or move them",
    })(),
    enable: Flags.boolean({ description: "put the schedule in force", exclusive: ["disable"] }),
    disable: Flags.boolean({ description: "keep the schedule, but begin nothing" }),
    off: Flags.boolean({ description: "take the whole schedule away" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(VerifySchedule);
    const id = parseConnectionId(args.conn);
    const change = parseVerifySchedule(flags);
    const api = this.api(flags);
    const result = change === undefined ? await api.call("verify.schedule.show", { id }) : await api.call("verify.schedule.set", { id, change });
    this.show(result, flags, ({ verifyPlan }) => [`connection ${id}`, ...formatVerifyPlan(verifyPlan).map((line) => `  ${line}`)].join("\n"));
  }
}
