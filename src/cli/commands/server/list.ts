import { formatServerList } from "../../format/server-text.js";
import { ServerCommand } from "../../servers/server-command.js";
import { serverReport } from "../../servers/server-entry.js";

export default class ServerList extends ServerCommand {
  static override description = "List the servers that this account has stored for --server.";
  static override examples = ["sm server list", "sm server list --json"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(ServerList);
    const { servers, defaultName } = this.file().read();
    const reports = servers.map((server) => serverReport(server, defaultName));
    this.show({ servers: reports }, flags, () => formatServerList(reports));
  }
}
