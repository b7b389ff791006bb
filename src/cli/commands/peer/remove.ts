import * as Args from "@oclif/core/args";
import { formatPeerRemoved } from "../../format/peer-text.js";
import { SmCommand } from "../../sm-command.js";

export default class PeerRemove extends SmCommand {
  static override description = "Revoke a peer: its links are closed and it is refused from now on.";
  static override examples = ["sm peer remove beta"];
  static override args = { name: Args.string({ description: "name of the peer", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(PeerRemove);
    this.show(await this.api(flags).call("peer.remove", { name: args.name }), flags, formatPeerRemoved);
  }
}
