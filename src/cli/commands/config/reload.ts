import * as Flags from "@oclif/core/flags";
import { formatReload, isIncomplete } from "../../format/config-text.js";
import { SmCommand } from "../../sm-command.js";

const DEADLINE_MS = 610_000;
/** As of a job that has problems. */
const INCOMPLETE = 5;

export default class ConfigReload extends SmCommand {
  static override description =
    "Read sm.yaml, repsets.d and connections.d anew, as SIGHUP does: what can be is in force at once, and connections become what their files describe. A wrong file changes nothing. Exit code 5 when a connection is not as its file says.";
  static override examples = ["sm config reload", "sm config reload --dry-run", "sm config reload --yes --json"];
  static override flags = {
    "dry-run": Flags.boolean({ description: "only say what would be done" }),
    yes: Flags.boolean({ description: "also when most files of connections are gone, or all: disconnect them" }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(ConfigReload);
    const input = { isDryRun: flags["dry-run"], isConfirmed: flags.yes };
    const result = await this.api(flags).call("config.reload", input, { deadlineMs: DEADLINE_MS });
    this.show(result, flags, ({ reload }) => formatReload(reload));
    if (isIncomplete(result.reload)) this.exitWith(INCOMPLETE);
  }
}
