import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../../base/errors.js";
import { delay } from "../../base/wait.js";
import type { AgentApi } from "../agent-api.js";
import { formatStatistics } from "../format/statistics-text.js";
import { Interrupts } from "../interrupts.js";
import { parseConnectionId } from "../parse/connection-id.js";
import { parseDurationSeconds } from "../parse/duration.js";
import { SmCommand } from "../sm-command.js";
import { type Sample, statisticsOf } from "../statistics/statistics.js";

const INTERVAL_SECONDS_MIN = 0.2;

export default class Stats extends SmCommand {
  static override description =
    "Show the figures of this agent: what waits, what was sent and received; with --interval what goes in a second, again and again until Ctrl-C.";
  static override examples = ["sm stats", "sm stats 1 --interval 5s", "sm stats --interval 1s --count 5 --json"];
  static override args = { conn: Args.string({ description: "only this connection", required: false }) };
  static override flags = {
    interval: Flags.string({ description: "figures for each such time; with --json one line for each", helpValue: "DURATION" }),
    count: Flags.integer({ description: "with --interval: end after so many", min: 1, dependsOn: ["interval"] }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Stats);
    const id = args.conn === undefined ? undefined : parseConnectionId(args.conn);
    const intervalMs = flags.interval === undefined ? null : parseInterval(flags.interval);
    const api = this.api(flags);
    let sample = await takeSample(api, id);
    if (intervalMs === null) return this.show(statisticsOf(sample, null, id), flags, formatStatistics);
    const interrupts = Interrupts.listen();
    try {
      for (let left = flags.count ?? Number.POSITIVE_INFINITY; left > 0; left--) {
        if (!(await delay(intervalMs, interrupts.first))) return;
        const before = sample;
        sample = await takeSample(api, id);
        this.show(statisticsOf(sample, before, id), flags, formatStatistics);
      }
    } finally {
      interrupts.close();
    }
  }
}

async function takeSample(api: AgentApi, id: number | undefined): Promise<Sample> {
  const report = await api.call("status", {});
  if (id !== undefined && !report.connections.some((connection) => connection.id === id)) throw new SmError("NOT_FOUND", `there is no connection ${id}`);
  return { report, atMs: Date.now() };
}

function parseInterval(text: string): number {
  const seconds = parseDurationSeconds("--interval", text);
  if (seconds < INTERVAL_SECONDS_MIN) throw new SmError("USAGE", `--interval is ${text}, but must be at least ${INTERVAL_SECONDS_MIN} s`);
  return Math.round(seconds * 1000);
}
