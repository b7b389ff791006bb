import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../../base/errors.js";
import { delay } from "../../base/wait.js";
import type { StatusReport } from "../../model/status.js";
import type { AgentApi } from "../agent-api.js";
import { formatStatus } from "../format/status-text.js";
import { Interrupts } from "../interrupts.js";
import { parseConnectionId } from "../parse/connection-id.js";
import { SmCommand } from "../sm-command.js";
import { canRedraw } from "../terminal.js";

const POLL_MS = 25_000;
const REDRAW_MS = 200;
const HOME_AND_CLEAR = "\x1b[H\x1b[2J";

export default class Status extends SmCommand {
  static override description = "Show the state of the agent, its captures, connections and targets, with the reason of each state that is not fine.";
  static override examples = ["sm status", "sm status 1 --watch", "sm status --json"];
  static override args = { conn: Args.string({ description: "only this connection", required: false }) };
  static override flags = {
    watch: Flags.boolean({
      description: "on a terminal a live view (arrows, Enter, p, q); otherwise each change until Ctrl-C, with --json one line per change",
    }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Status);
    const id = args.conn === undefined ? undefined : parseConnectionId(args.conn);
    const api = this.api(flags);
    const show = (report: StatusReport): void => this.show(selectConnection(report, id), flags, (selected) => formatStatus(selected, Date.now()));
    if (!flags.watch) return show(await api.call("status", {}));
    if (!flags.json && canRedraw(process.stdin, process.stdout, process.env)) return this.#watchScreen(api, id, this.terminal(flags).isColored);
    const redraws = process.stdout.isTTY && !flags.json && process.env.TERM !== "dumb";
    const between = redraws ? HOME_AND_CLEAR : flags.json ? "" : "\n";
    await watch(api, (report) => {
      process.stdout.write(between);
      show(report);
    });
  }

  async #watchScreen(api: AgentApi, chosen: number | undefined, isColored: boolean): Promise<void> {
    // Other looks at the status do not pay for the view.
    const { takeLook } = await import("../watch/watch-feed.js");
    const first = await takeLook(api);
    if (chosen !== undefined) selectConnection(first.report, chosen);
    const interrupts = Interrupts.listen();
    try {
      const { watchView } = await import("../watch/watch-view.js");
      await watchView({ api, first, chosen, input: process.stdin, output: process.stdout, isColored, signal: interrupts.first });
    } finally {
      interrupts.close();
    }
  }
}

async function watch(api: AgentApi, show: (report: StatusReport) => void): Promise<void> {
  const interrupts = Interrupts.listen();
  const ended = new Promise<undefined>((resolve) => interrupts.first.addEventListener("abort", () => resolve(undefined), { once: true }));
  try {
    let report: StatusReport | undefined = await api.call("status", {});
    while (report !== undefined) {
      show(report);
      await delay(REDRAW_MS, interrupts.first);
      report = await Promise.race([ended, nextReport(api, report.index)]);
    }
  } finally {
    interrupts.close();
  }
}

async function nextReport(api: AgentApi, since: number): Promise<StatusReport> {
  for (;;) {
    const report = await api.call("status.wait", { since, timeoutMs: POLL_MS });
    // A lower index is that of another agent, started since.
    if (report.index !== since) return report;
  }
}

/** The same shape with what concerns one connection. */
function selectConnection(report: StatusReport, id: number | undefined): StatusReport {
  if (id === undefined) return report;
  const connections = report.connections.filter((connection) => connection.id === id);
  const repset = connections[0]?.repset;
  if (repset === undefined) throw new SmError("NOT_FOUND", `there is no connection ${id}`);
  return { ...report, connections, targets: [], goodbyes: [], captures: report.captures.filter((capture) => capture.repset === repset) };
}
