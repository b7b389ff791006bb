import { SmCommand } from "../sm-command.js";

export default class Whoami extends SmCommand {
  static override description = "Show as whom the agent knows you, and what you may do there.";
  static override examples = ["sm whoami", "sm whoami --json"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(Whoami);
    this.show(await this.api(flags).call("whoami", {}), flags, ({ name, role }) => `${name}, role ${role}`);
  }
}
