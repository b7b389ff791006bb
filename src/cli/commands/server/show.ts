import * as Args from "@oclif/core/args";
import { formatServer } from "../../format/server-text.js";
import { requireServer } from "../../servers/server-choice.js";
import { ServerCommand } from "../../servers/server-command.js";
import { serverReport } from "../../servers/server-entry.js";

export default class ServerShow extends ServerCommand {
  static override description = "Show a stored server: its address, its certificate, its user. The token is not shown; `sm whoami --server NAME` tries it.";
  static override examples = ["sm server show files1"];
  static override args = { name: Args.string({ description: "name of the server", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ServerShow);
    const file = this.file();
    const server = serverReport(requireServer(file, args.name), file.read().defaultName);
    this.show({ server }, flags, () => formatServer(server));
  }
}
