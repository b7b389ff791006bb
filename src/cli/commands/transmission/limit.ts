import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { formatTransmission } from "../../format/transmission-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseDuring, parseLimit } from "../../parse/limit-flags.js";
import { SmCommand } from "../../sm-command.js";

export default class TransmissionLimit extends SmCommand {
  static override description = "Limit how much a connection sends in a second: always, or at times.";
  static override examples = [
    "sm transmission limit 1 1MiB",
    "sm transmission limit 1 --percent 40 --link 100mbit",
    "sm transmission limit 1 500KB --during 'mon..fri 8:00' --lasting 10h",
    "sm transmission limit 1 none --during 'sat 0:00' --lasting 2d",
    "sm transmission limit 1 --automatic",
    "sm transmission limit 1 --clear",
  ];
  static override args = { ...connectionArg, rate: Args.string({ description: "bytes per second, such as 19300, 1MiB or 10mbit; none = no limit" }) };
  static override flags = {
    percent: Flags.string({ description: "so much of the link", helpValue: "PERCENT", dependsOn: ["link"] }),
    link: Flags.string({ description: "speed of the link, such as 100mbit", helpValue: "SPEED", dependsOn: ["percent"] }),
    automatic: Flags.boolean({ description: "70 % of what the path to the target carries, measured once a minute while there is something to send" }),
    during: Flags.string({ description: "only from these times on (`sm schedule preview`)", helpValue: "EXPR" }),
    lasting: Flags.string({ description: "with --during: for so long", helpValue: "DURATION", dependsOn: ["during"] }),
    clear: Flags.boolean({ description: "take every limit away, or the one of --during" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TransmissionLimit);
    const id = parseConnectionId(args.conn);
    const rate = parseLimit({ rate: args.rate, ...flags });
    const api = this.api(flags);
    const result =
      rate === "clear"
        ? await api.call("transmission.unlimit", { id, calendar: flags.during ?? null })
        : await api.call("transmission.limit", { id, rate, during: parseDuring(flags) });
    this.show(result, flags, ({ transmission }) => formatTransmission(transmission));
  }
}
