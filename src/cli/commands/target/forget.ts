import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import { parseConnectionId } from "../../parse/connection-id.js";
import { SmCommand } from "../../sm-command.js";

const FORGET_DEADLINE_MS = 130_000;

export default class TargetForget extends SmCommand {
  static override description =
    "Let this server's target forget a connection whose source is gone for ever: its queue and its quarantine go, its place is free for another. What was replicated stays.";
  static override examples = ["sm target forget 1 --source alpha --yes"];
  static override args = { conn: Args.string({ name: "conn", description: "number of the connection on its source", required: true }) };
  static override flags = {
    source: Flags.string({ description: "the source whose connection is meant", helpValue: "NAME" }),
    yes: Flags.boolean({ description: "do it: should the source come back, it compares everything" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TargetForget);
    const connectionId = parseConnectionId(args.conn);
    const source = flags.source === undefined ? {} : { source: flags.source };
    if (!flags.yes) {
      throw new SmError(
        "USAGE",
        `connection ${connectionId} would be forgotten for good; a source that still has it would compare everything: confirm with --yes`,
      );
    }
    const result = await this.api(flags).call("target.forget", { connectionId, ...source }, { deadlineMs: FORGET_DEADLINE_MS });
    this.show(result, flags, ({ forgotten }) =>
      forgotten
        .map(({ repset, source: from, mappings }) => `forgot ${repset} from ${from}; what is in ${mappings.map(({ target }) => target).join(", ")} stays`)
        .join("\n"),
    );
  }
}
