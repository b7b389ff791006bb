import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../../base/errors.js";
import { formatPeerAddresses } from "../../../format/peer-text.js";
import { readStdin } from "../../../parse/stdin.js";
import { SmCommand } from "../../../sm-command.js";

const IMPORT_DEADLINE_MS = 130_000;
const ARGUMENT_TOLD = "A token is a secret, and every account of this machine can read the arguments of a command: if this was one, make another.";

export default class PeerBootstrapImport extends SmCommand {
  static override description = "Redeem a token that was made on the peer: both agents pin each other, and the link is proven by a round trip.";
  static override examples = ["sm peer bootstrap import - < token", "sm peer bootstrap import - --site-name alpha < token"];
  static override args = { token: Args.string({ description: "always -: the token is read from standard input", required: true }) };
  static override flags = { "site-name": Flags.string({ description: "name under which the peer knows this agent", helpValue: "NAME" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(PeerBootstrapImport);
    if (args.token !== "-") throw new SmError("USAGE", `${ARGUMENT_TOLD} Give it on standard input: sm peer bootstrap import - < FILE`);
    const token = (await readStdin()).trim();
    if (token === "") throw new SmError("TOKEN_INVALID", "the token is empty");
    const result = await this.api(flags).call("peer.bootstrap.import", { token, siteName: flags["site-name"] }, { deadlineMs: IMPORT_DEADLINE_MS });
    this.show(result, flags, ({ peer, roundTripMs }) => `paired with ${peer.name} (${formatPeerAddresses(peer)}), round trip ${roundTripMs.toFixed(1)} ms`);
  }
}
