import * as Flags from "@oclif/core/flags";
import { formatAudit } from "../format/audit-text.js";
import { SmCommand } from "../sm-command.js";

export default class Audit extends SmCommand {
  static override description = "Show who asked what of this agent, and what came of it: each command that may change something, the newest first.";
  static override examples = ["sm audit", "sm audit --command connection.disconnect --limit 10", "sm audit --json"];
  static override flags = {
    limit: Flags.integer({ description: "how many entries", default: 50, min: 1, max: 1000 }),
    command: Flags.string({ description: "only this command, as the table of commands names it", helpValue: "NAME" }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Audit);
    const result = await this.api(flags).call("audit.list", { limit: flags.limit, command: flags.command });
    this.show(result, flags, ({ entries }) => formatAudit(entries));
  }
}
