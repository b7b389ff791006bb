import { formatQuarantine } from "../../format/quarantine-text.js";
import { SmCommand } from "../../sm-command.js";

export default class QuarantineList extends SmCommand {
  static override description = "List the paths of this target that refused changes, and why.";
  static override examples = ["sm quarantine list"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(QuarantineList);
    this.show(await this.api(flags).call("quarantine.list", {}), flags, ({ entries }) => formatQuarantine(entries));
  }
}
