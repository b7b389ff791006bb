import * as Args from "@oclif/core/args";
import { requireServer } from "../../servers/server-choice.js";
import { ServerCommand } from "../../servers/server-command.js";

export default class ServerRemove extends ServerCommand {
  static override description = "Forget a stored server and its token. The user stays on that server: `sm user remove` there ends the token.";
  static override examples = ["sm server remove files1"];
  static override args = { name: Args.string({ description: "name of the server", required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ServerRemove);
    const file = this.file();
    const { name } = requireServer(file, args.name);
    await file.update(({ servers, defaultName }) => ({
      servers: servers.filter((server) => server.name !== name),
      defaultName: defaultName === name ? null : defaultName,
    }));
    this.show({ removed: name }, flags, () => `removed ${name}`);
  }
}
