import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { parseToken } from "../../../base/access-token.js";
import { SmError } from "../../../base/errors.js";
import type { PeerAddress } from "../../../model/channel-port.js";
import { openAgentApi } from "../../agent-api.js";
import { formatServer } from "../../format/server-text.js";
import { askSecret, askYes } from "../../parse/ask.js";
import { parseCertificate } from "../../parse/certificate.js";
import { parsePeerAddress } from "../../parse/peer-address.js";
import { readStdin } from "../../parse/stdin.js";
import { fetchFingerprint } from "../../servers/remote-door.js";
import { ServerCommand } from "../../servers/server-command.js";
import { addressText, isSameName, parseServerName, type ServerEntry, serverReport } from "../../servers/server-entry.js";

export default class ServerAdd extends ServerCommand {
  static override description =
    "Store the agent of another machine for --server, when it answers and lets the user in. The token is read from standard input, or asked for; it is never an argument.";
  static override examples = [
    "sm server add files1 --address 10.0.0.2:1500",
    "sm server add files1 --address files1:1500 --fingerprint FINGERPRINT --user ops < ops.token",
  ];
  static override args = { name: Args.string({ description: "the name for --server: letters, digits, and . _ - behind the first", required: true }) };
  static override flags = {
    address: Flags.string({ description: "where the agent listens for peers", helpValue: "HOST:PORT", required: true }),
    fingerprint: Flags.string({
      description: "of its certificate, as `sm user create` printed it there (or the certificate); without it you are asked",
      helpValue: "SHA256|FILE",
    }),
    user: Flags.string({ description: "refuse a token of another user", helpValue: "NAME" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ServerAdd);
    const name = parseServerName(args.name);
    const address = parsePeerAddress("--address", flags.address);
    const given = flags.fingerprint === undefined ? null : await parseCertificate("--fingerprint", flags.fingerprint);
    const known = this.file()
      .read()
      .servers.find((server) => isSameName(server.name, name));
    refuseOther(known, address, given);
    const fingerprint = given ?? known?.fingerprint ?? (await trust(address));
    const server: ServerEntry = { name: known?.name ?? name, address, fingerprint, token: await readToken(flags.address, flags.user) };
    const api = openAgentApi({ kind: "server", server });
    await api.call("ping", {});
    const { role } = await api.call("whoami", {});
    await this.file().update(({ servers, defaultName }) => {
      const same = servers.find((other) => isSameName(other.name, server.name));
      refuseOther(same, address, fingerprint);
      return { servers: [...servers.filter((other) => other !== same), server], defaultName };
    });
    const report = serverReport(server, this.file().read().defaultName);
    this.show({ server: report, role }, flags, () => `${formatServer(report)}\nrole         ${role}`);
  }
}

/** A name that is known by another certificate must not quietly come to mean another machine. */
function refuseOther(known: ServerEntry | undefined, address: PeerAddress, fingerprint: string | null): void {
  if (known === undefined) return;
  const isSame = isSameName(addressText(known.address), addressText(address)) && (fingerprint === null || fingerprint === known.fingerprint);
  if (isSame) return;
  throw new SmError("ALREADY_EXISTS", `${known.name} is stored with the address ${addressText(known.address)} and the certificate ${known.fingerprint}`);
}

async function trust(address: PeerAddress): Promise<string> {
  if (process.stdin.isTTY !== true) {
    throw new SmError("USAGE", "--fingerprint is missing, and there is no terminal to ask on: `sm user create`, and `sm user token`, print it on that server");
  }
  const fingerprint = await fetchFingerprint(address);
  process.stderr.write(`${addressText(address)} shows a certificate with the sha256 fingerprint\n  ${fingerprint}\n`);
  process.stderr.write("Compare it with the one that `sm user create`, or `sm user token`, printed on that server.\n");
  if (await askYes("Is it the same?")) return fingerprint;
  throw new SmError("USAGE", "the certificate was not confirmed: nothing is stored");
}

async function readToken(address: string, user: string | undefined): Promise<string> {
  const isAsked = process.stdin.isTTY === true;
  const token = (
    isAsked ? await askSecret(`Token${user === undefined ? "" : ` of ${user}`} for ${address}: `, process.stdin, process.stderr) : await readStdin()
  ).trim();
  const name = parseToken(token)?.name;
  if (name === undefined) {
    const where = isAsked ? "what was typed" : "standard input";
    throw new SmError("USAGE", `${where} is no token of a user: \`sm user create NAME\` prints one, on the server, in the form sm~NAME~…`);
  }
  if (user !== undefined && name !== user) throw new SmError("USAGE", `the token is one of ${name}, not of ${user}`);
  return token;
}
