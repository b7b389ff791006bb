import { formatTransmission } from "../../format/transmission-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class TransmissionStart extends SmCommand {
  static override description = "Send again. Under a schedule a session begins now, if its window is open.";
  static override examples = ["sm transmission start 1"];
  static override args = connectionArg;

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TransmissionStart);
    const result = await this.api(flags).call("transmission.start", { id: parseConnectionId(args.conn) });
    this.show(result, flags, ({ transmission }) => formatTransmission(transmission));
  }
}
