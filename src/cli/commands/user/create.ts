import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { tokenNote } from "../../format/user-text.js";
import { parseCertificate } from "../../parse/certificate.js";
import { parseExpiry } from "../../parse/expiry-flag.js";
import { SmCommand } from "../../sm-command.js";

export default class UserCreate extends SmCommand {
  static override description = "Make a user who may use the API from other machines, and print the user's token, once.";
  static override examples = [
    "sm user create grafana --role monitor > grafana.token",
    "sm user create ops --role admin --certificate ops.pem",
    "sm user create visitor --role monitor --expires 30d > visitor.token",
  ];
  static override args = { name: Args.string({ description: "letters, digits, and . _ - behind the first", required: true }) };
  static override flags = {
    role: Flags.option({
      options: ["none", "monitor", "admin"] as const,
      required: true,
      description: "monitor reads, admin does everything, none asks whether the agent is there",
    })(),
    certificate: Flags.string({ description: "a client certificate (file, or sha256 fingerprint) that stands for the token", helpValue: "FILE|SHA256" }),
    expires: Flags.string({ description: "when the token ends: a time, or how long it lasts (default: never)", helpValue: "TIME|DURATION" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(UserCreate);
    const { role, certificate } = flags;
    const fingerprint = certificate === undefined ? undefined : await parseCertificate("--certificate", certificate);
    const expiresAt = flags.expires === undefined ? undefined : parseExpiry("--expires", flags.expires, Date.now());
    const result = await this.api(flags).call("user.create", { name: args.name, role, fingerprint, expiresAt });
    if (!flags.json) this.note(tokenNote(result.user, result.serverFingerprint));
    this.show(result, flags, ({ token }) => token);
  }
}
