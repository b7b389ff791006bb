import * as Args from "@oclif/core/args";
import { requireServer } from "../../servers/server-choice.js";
import { ServerCommand } from "../../servers/server-command.js";
import { isSameName, THIS_SERVER } from "../../servers/server-entry.js";

export default class ServerDefault extends ServerCommand {
  static override description =
    "Say which server commands ask that name none: neither by --server or --runtime-dir, nor by SM_SERVER or SM_HOME. Without a name: show it.";
  static override examples = ["sm server default files1", "sm server default localhost"];
  static override args = { name: Args.string({ description: `name of the server, or ${THIS_SERVER} for the agent of this machine`, required: false }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ServerDefault);
    const file = this.file();
    if (args.name !== undefined) {
      const chosen = isSameName(args.name, THIS_SERVER) ? null : requireServer(file, args.name).name;
      // Where it was removed meanwhile, what is written would be refused when it is read.
      await file.update(({ servers }) => ({ servers, defaultName: servers.some(({ name }) => name === chosen) ? chosen : null }));
    }
    const name = file.read().defaultName ?? THIS_SERVER;
    this.show({ default: name }, flags, () => name);
  }
}
