import { formatAgent } from "../../format/status-text.js";
import { SmCommand } from "../../sm-command.js";

export default class AgentStatus extends SmCommand {
  static override description = "Show whether the agent runs, and where.";
  static override examples = ["sm agent status", "sm agent status --json"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(AgentStatus);
    const { agent } = await this.api(flags).call("status", {});
    this.show({ agent }, flags, () => formatAgent(agent, Date.now()));
  }
}
