import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import { COMPRESSIONS, type Compression } from "../../../model/compression.js";
import type { ConnectionPatch } from "../../../model/connection-spec.js";
import { formatConnection } from "../../format/connection-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

export default class ConnectionSet extends SmCommand {
  static override description =
    "Change options of a running connection: at once, without a mirror, and kept over restarts. Options not named stay as they are.";
  static override examples = ["sm connection set 1 --compression brotli", "sm connection set 1 --compression off --json"];
  static override args = connectionArg;
  static override flags = {
    compression: Flags.string({ description: "compression of what is sent from now on", options: [...COMPRESSIONS] }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConnectionSet);
    const id = parseConnectionId(args.conn);
    const options: ConnectionPatch = { ...(flags.compression === undefined ? {} : { compression: flags.compression as Compression }) };
    if (Object.keys(options).length === 0) throw new SmError("USAGE", "name an option to change, as --compression");
    const result = await this.api(flags).call("connection.set", { id, options });
    this.show(result, flags, ({ connection }) => formatConnection(connection));
  }
}
