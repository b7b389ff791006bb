import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import { delay } from "../../../base/wait.js";
import type { AgentApi } from "../../agent-api.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { SmCommand } from "../../sm-command.js";

const LOOK_MS = 50;
/** Of another machine. */
const ASK_MS = 250;

export default class AgentStop extends SmCommand {
  static override description =
    "Stop the agent in order: it drains, keeps its queues, and ends. Returns when the process is gone; of another machine, when its port is closed.";
  static override examples = ["sm agent stop", "sm agent stop --timeout 2m"];
  static override flags = { timeout: Flags.string({ description: "how long to wait for the end", default: "60" }) };

  override async run(): Promise<void> {
    const { flags } = await this.parse(AgentStop);
    const timeoutMs = parseDurationSeconds("--timeout", flags.timeout) * 1000;
    const place = this.agentPlace(flags);
    const api = this.api(flags);
    const { pid } = await api.call("agent.stop", {});
    const deadline = performance.now() + timeoutMs;
    while (place.kind === "here" ? isAlive(pid) : await answers(api, pid)) {
      if (performance.now() > deadline) throw new SmError("TIMEOUT", `the agent (pid ${pid}) is still stopping after ${flags.timeout}`, { data: { pid } });
      await delay(place.kind === "here" ? LOOK_MS : ASK_MS);
    }
    if (place.kind === "here") this.show({ stopped: true, pid }, flags, () => `agent stopped (pid ${pid})`);
    else this.show({ stopping: true, answers: false, pid }, flags, () => `the agent on ${place.server.name} (pid ${pid}) is stopping: it answers no more`);
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

/** A process of another machine cannot be looked at. One that drains refuses; another one in its place is not it. */
async function answers(api: AgentApi, pid: number): Promise<boolean> {
  try {
    return (await api.call("status", {})).agent.pid === pid;
  } catch (error) {
    if (error instanceof SmError && error.code === "AGENT_UNREACHABLE") return false;
    if (error instanceof SmError && error.code === "REFUSED") return true;
    throw error;
  }
}
