import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import { delay } from "../../../base/wait.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { SmCommand } from "../../sm-command.js";

const LOOK_MS = 50;

export default class AgentStop extends SmCommand {
  static override description = "Stop the agent in order: it drains, keeps its queues, and ends. Returns when the process is gone.";
  static override examples = ["sm agent stop", "sm agent stop --timeout 2m"];
  static override flags = { timeout: Flags.string({ description: "how long to wait for the end", default: "60" }) };

  override async run(): Promise<void> {
    const { flags } = await this.parse(AgentStop);
    const timeoutMs = parseDurationSeconds("--timeout", flags.timeout) * 1000;
    const { pid } = await this.api(flags).call("agent.stop", {});
    const deadline = performance.now() + timeoutMs;
    while (isAlive(pid)) {
      if (performance.now() > deadline) throw new SmError("TIMEOUT", `the agent (pid ${pid}) is still stopping after ${flags.timeout}`, { data: { pid } });
      await delay(LOOK_MS);
    }
    this.show({ stopped: true, pid }, flags, () => `agent stopped (pid ${pid})`);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
