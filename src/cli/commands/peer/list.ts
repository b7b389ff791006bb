import { formatPeerList } from "../../format/peer-text.js";
import { SmCommand } from "../../sm-command.js";

export default class PeerList extends SmCommand {
  static override description = "List the agents that this one is paired with, and the certificate that it shows them.";
  static override examples = ["sm peer list"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(PeerList);
    this.show(await this.api(flags).call("peer.list", {}), flags, ({ peers, identity }, width) => formatPeerList(peers, identity, Date.now(), width));
  }
}
