import { formatRepsetList } from "../../format/repset-text.js";
import { SmCommand } from "../../sm-command.js";

export default class RepsetList extends SmCommand {
  static override description = "List the replication sets.";
  static override examples = ["sm repset list", "sm repset list --json"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(RepsetList);
    this.show(await this.api(flags).call("repset.list", {}), flags, ({ repsets }, width) => formatRepsetList(repsets, width));
  }
}
