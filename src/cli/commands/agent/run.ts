import * as Flags from "@oclif/core/flags";
import { Interrupts } from "../../interrupts.js";
import { SmCommand } from "../../sm-command.js";

/** An agent whose parent is gone gets this long to come to its end by itself. */
const ORPHAN_MS = 10_000;

export default class AgentRun extends SmCommand {
  static override description = "Run the agent of this server in the foreground. The first SIGTERM or SIGINT drains and stops, the second stops at once.";
  static override examples = ["sm agent run", "SM_HOME=/tmp/sm sm agent run --listen 127.0.0.1:0 --json"];
  static override flags = {
    listen: Flags.string({ description: "address and port for peers", helpValue: "HOST:PORT" }),
    "site-name": Flags.string({ description: "name under which peers know this agent", helpValue: "NAME" }),
    "exit-with-parent": Flags.boolean({ description: "end when standard input closes", hidden: true }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(AgentRun);
    this.requireLocal(flags, "an agent is run on");
    // The word that files were changed, before any was read, has nothing to say; unheard it would end the program.
    process.on("SIGHUP", ignore);
    const interrupts = Interrupts.listen();
    try {
      if (flags["exit-with-parent"]) endWithParent(interrupts);
      const { runAgent } = await import("../../../agent/agent.js");
      await runAgent({
        flags: definedOnly({
          configDir: flags["config-dir"],
          stateDir: flags["state-dir"],
          runtimeDir: flags["runtime-dir"],
          logDir: flags["log-dir"],
          listen: flags.listen,
          siteName: flags["site-name"],
        }),
        env: process.env,
        onReady: (ready) => {
          const { pid, listen, adminSocket } = ready;
          this.show({ ready: true, pid, listen, adminSocket }, flags, () => `agent ready: pid ${pid}, listening on ${listen}, control at ${adminSocket}`);
        },
        listenReload: (listener) => {
          process.on("SIGHUP", listener);
          return () => process.off("SIGHUP", listener);
        },
        signal: interrupts.first,
        abort: interrupts.second,
      });
    } finally {
      interrupts.close();
      process.off("SIGHUP", ignore);
    }
  }
}

function ignore(): void {
  // On purpose.
}

/** A replication of which nobody knows any more must not go on; a crash at any moment is safe. */
function endWithParent(interrupts: Interrupts): void {
  const onGone = (): void => {
    interrupts.abort();
    setTimeout(() => process.exit(4), ORPHAN_MS).unref();
  };
  process.stdin.on("end", onGone).on("close", onGone).on("error", onGone).resume();
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function definedOnly<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
