import { formatTransmission } from "../../format/transmission-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class TransmissionShow extends SmCommand {
  static override description = "Show whether a connection sends, and why not; its schedule, its session and its limit.";
  static override examples = ["sm transmission show 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TransmissionShow);
    const result = await this.api(flags).call("transmission.show", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ transmission }) => formatTransmission(transmission));
  }
}
