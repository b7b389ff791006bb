import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { type SizingQuestion, STANDARD_QUESTION } from "../../../model/sizing-report.js";
import { formatSizing } from "../../format/sizing-text.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { parseRate } from "../../parse/sizes.js";
import { reportOfFile } from "../../parse/statistics-files.js";
import { SmCommand } from "../../sm-command.js";

const REPORT_DEADLINE_MS = 130_000;

export default class TduReport extends SmCommand {
  static override description =
    "Show what a simulation (`sm connect SET tdu`) says about the link, the queue and the compression that a true connection needs.";
  static override examples = [
    "sm tdu report 1",
    "sm tdu report 1 --lag 15m --outage 4h --rate 100mbit",
    "sm tdu report '/var/log/sm/web simulation 1.csv' --json",
  ];
  static override args = {
    of: Args.string({ name: "of", description: "number of the connection, running or over, or its statistics file", required: true }),
  };
  static override flags = {
    lag: Flags.string({ description: "how long a change may wait before it is sent", helpValue: "DURATION", multiple: true, multipleNonGreedy: true }),
    outage: Flags.string({ description: "for how long nothing can be sent", helpValue: "DURATION", default: "1h" }),
    rate: Flags.string({ description: "of a link: 10mbit, 1MiB (a second)", helpValue: "RATE", multiple: true, multipleNonGreedy: true }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(TduReport);
    const question: SizingQuestion = {
      lagSeconds: flags.lag?.map((text) => parseDurationSeconds("--lag", text)) ?? STANDARD_QUESTION.lagSeconds,
      outageSeconds: parseDurationSeconds("--outage", flags.outage),
      rates: flags.rate?.map((text) => parseRate("--rate", text)) ?? STANDARD_QUESTION.rates,
    };
    this.show(await this.#result(args.of, question, flags), flags, formatSizing);
  }

  async #result(of: string, question: SizingQuestion, flags: Parameters<TduReport["api"]>[0]) {
    if (!/^[1-9]\d{0,14}$/.test(of)) {
      this.requireLocal(flags, "a statistics file is read on");
      return reportOfFile(of, question);
    }
    const input = { id: Number(of), ...question, lagSeconds: [...question.lagSeconds], rates: [...question.rates] };
    return this.api(flags).call("tdu.report", input, { deadlineMs: REPORT_DEADLINE_MS });
  }
}
