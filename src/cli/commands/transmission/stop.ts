import { formatTransmission } from "../../format/transmission-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class TransmissionStop extends SmCommand {
  static override description = "End the link of a connection. Changes are captured and queued, nothing is lost.";
  static override examples = ["sm transmission stop 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TransmissionStop);
    const result = await this.api(flags).call("transmission.stop", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ transmission }) => formatTransmission(transmission));
  }
}
