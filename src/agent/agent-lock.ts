// One agent per state directory: a lock file with the process's number and start time, so that a reused number is no lock.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SmError } from "../base/errors.js";

export class AgentLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** AGENT_RUNNING when a living agent holds the directory. */
  static take(stateDir: string): AgentLock {
    const path = join(stateDir, "agent.lock");
    const mine = identityOf(process.pid);
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        writeFileSync(path, mine ?? `${process.pid}`, { flag: "wx", mode: 0o600 });
        return new AgentLock(path);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
        const holder = readFileSync(path, "utf8");
        const pid = Number(holder.split(" ")[0]);
        if (holder !== "" && identityOf(pid) === holder)
          throw new SmError("AGENT_RUNNING", `an agent (pid ${pid}) uses ${stateDir} already`, { data: { pid } });
        rmSync(path, { force: true });
      }
    }
    throw new SmError("AGENT_RUNNING", `another agent is taking ${stateDir} at this moment`);
  }

  release(): void {
    rmSync(this.#path, { force: true });
  }
}

/** "PID STARTTIME", or undefined when there is no such process. */
function identityOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return undefined;
  }
}
