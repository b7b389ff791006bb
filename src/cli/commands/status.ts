import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../../base/errors.js";
import { delay } from "../../base/wait.js";
import type { StatusReport } from "../../model/status.js";
import type { ApiClient } from "../api-client.js";
import { printable } from "../format/printable.js";
import { formatStatus } from "../format/status-text.js";
import { Interrupts } from "../interrupts.js";
import { parseConnectionId } from "../parse/connection-id.js";
import { SmCommand } from "../sm-command.js";

const POLL_MS = 25_000;
const REDRAW_MS = 200;
const HOME_AND_CLEAR = "\x1b[H\x1b[2J";

export default class Status extends SmCommand {
  static override description = "Show the state of the agent, its captures, connections and targets, with the reason of each state that is not fine.";
  static override examples = ["sm status", "sm status 1 --watch", "sm status --json"];
  static override args = { conn: Args.string({ description: "only this connection", required: false }) };
  static override flags = { watch: Flags.boolean({ description: "show each change until Ctrl-C" }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Status);
    const id = args.conn === undefined ? undefined : parseConnectionId(args.conn);
    const api = this.api(flags);
    const show = (report: StatusReport): void => this.show(selectConnection(report, id), flags, (selected) => formatStatus(selected, Date.now()));
    show(flags.watch ? await this.#watch(api, show, flags.json) : await api.call("status", {}));
  }

  /** Shows each report but the last, which it returns. */
  async #watch(api: ApiClient, show: (report: StatusReport) => void, json: boolean): Promise<StatusReport> {
    const interrupts = Interrupts.listen();
    const redraws = process.stdout.isTTY && !json;
    let report = await api.call("status", {});
    for (;;) {
      if (redraws) process.stdout.write(HOME_AND_CLEAR);
      if (interrupts.first.aborted) break;
      show(report);
      if (!redraws && !json) process.stdout.write("\n");
      await delay(REDRAW_MS, interrupts.first);
      const next = await nextReport(api, report.index, interrupts.first);
      if (next === undefined) break;
      report = next;
    }
    interrupts.close();
    return report;
  }
}
