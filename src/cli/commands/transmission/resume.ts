import { formatTransmission } from "../../format/transmission-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class TransmissionResume extends SmCommand {
  static override description = "Send again what was paused.";
  static override examples = ["sm transmission resume 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TransmissionResume);
    const result = await this.api(flags).call("transmission.resume", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ transmission }) => formatTransmission(transmission));
  }
}
