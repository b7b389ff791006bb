import * as Flags from "@oclif/core/flags";
import { formatTransmission } from "../../format/transmission-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseScheduleChange } from "../../parse/schedule-flags.js";
import { SmCommand } from "../../sm-command.js";

export default class TransmissionSchedule extends SmCommand {
  static override description =
    "Say when a connection sends. What is not named stays as it is; none takes one thing away. A session ends when the queue is empty.";
  static override examples = [
    "sm transmission schedule 1 --window 21:00-04:00",
    "sm transmission schedule 1 --start '2026-11-20 22:00' --every 30m --stop-after 10m",
    "sm transmission schedule 1 --calendar 'mon..fri 22:00' --queue-bytes 500MiB",
    "sm transmission schedule 1 --disable",
    "sm transmission schedule 1 --clear",
  ];
  static override args = connectionArg;
  static override flags = {
    start: Flags.string({ description: "a session begins then, and nothing begins one before", helpValue: "TIME" }),
    every: Flags.string({ description: "with --start: and again after each such time", helpValue: "DURATION" }),
    calendar: Flags.string({ description: "sessions begin at these times (`sm schedule preview`)", helpValue: "EXPR" }),
    "queue-bytes": Flags.string({ description: "a session begins when so much is queued", helpValue: "SIZE" }),
    "queue-percent": Flags.string({ description: "a session begins when so much of the queue is in use", helpValue: "PERCENT" }),
    "stop-after": Flags.string({ description: "a session ends after so long", helpValue: "DURATION" }),
    "stop-after-bytes": Flags.string({ description: "a session ends after so many bytes", helpValue: "SIZE" }),
    window: Flags.string({ description: "nothing is sent outside of these times of day", helpValue: "HH:MM-HH:MM" }),
    enable: Flags.boolean({ description: "put the schedule in force", exclusive: ["disable"] }),
    disable: Flags.boolean({ description: "keep the schedule, but send as if there were none" }),
    clear: Flags.boolean({ description: "take the whole schedule away" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TransmissionSchedule);
    const result = await this.api(flags).call("transmission.schedule", { id: parseConnectionId(args.conn), change: parseScheduleChange(flags) });
    this.show(result, flags, ({ transmission }) => formatTransmission(transmission));
  }
}
