import { formatConnectionList } from "../../format/connection-text.js";
import { SmCommand } from "../../sm-command.js";

export default class ConnectionList extends SmCommand {
  static override description = "List the connections of this source.";
  static override examples = ["sm connection list", "sm connection list --json"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(ConnectionList);
    this.show(await this.api(flags).call("connection.list", {}), flags, ({ connections }, width) => formatConnectionList(connections, width));
  }
}
