import * as Flags from "@oclif/core/flags";
import { formatTime } from "../../../format/quantities.js";
import { parseDurationSeconds } from "../../../parse/duration.js";
import { parsePeerAddress } from "../../../parse/peer-address.js";
import { SmCommand } from "../../../sm-command.js";

export default class PeerBootstrapCreate extends SmCommand {
  static override description = "Make a token with which another agent pairs with this one. It works once, and expires.";
  static override examples = [
    "sm peer bootstrap create --site-name beta --address 10.0.0.2:1500",
    "sm peer bootstrap create --site-name beta | ssh alpha sm peer bootstrap import -",
  ];
  static override flags = {
    "site-name": Flags.string({ description: "name under which the other knows this agent", helpValue: "NAME" }),
    address: Flags.string({ description: "where the other reaches this agent", helpValue: "HOST:PORT", multiple: true, multipleNonGreedy: true, default: [] }),
    ttl: Flags.string({ description: "how long the token is good for", default: "1h" }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(PeerBootstrapCreate);
    const result = await this.api(flags).call("peer.bootstrap.create", {
      siteName: flags["site-name"],
      addresses: flags.address.map((text) => parsePeerAddress("--address", text)),
      ttlSeconds: Math.ceil(parseDurationSeconds("--ttl", flags.ttl)),
    });
    if (!flags.json)
      this.note(`The token is a secret, works once, and expires at ${formatTime(result.expiresAt)}. Import it on the other server: sm peer bootstrap import -`);
    this.show(result, flags, ({ token }) => token);
  }
}
