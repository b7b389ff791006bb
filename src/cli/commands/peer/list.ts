import { formatPeerList } from "../../format/peer-text.js";
import { SmCommand } from "../../sm-command.js";

export default class PeerList extends SmCommand {
  static override description = "List the agents that this one is paired with.";
  static override examples = ["sm peer list"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(PeerList);
    this.show(await this.api(flags).call("peer.list", {}), flags, ({ peers }, width) => formatPeerList(peers, width));
  }
}
