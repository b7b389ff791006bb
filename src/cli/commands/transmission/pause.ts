import { formatTransmission } from "../../format/transmission-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class TransmissionPause extends SmCommand {
  static override description = "Send nothing, but keep the link. Changes are captured and queued.";
  static override examples = ["sm transmission pause 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TransmissionPause);
    const result = await this.api(flags).call("transmission.pause", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ transmission }) => formatTransmission(transmission));
  }
}
