import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import type { ApiCommands } from "../../../control/api.js";
import { formatScrub } from "../../format/scrub-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { durationMs, parseWindow } from "../../parse/schedule-flags.js";
import { parseBytes } from "../../parse/sizes.js";
import { SmCommand } from "../../sm-command.js";

type Change = NonNullable<ApiCommands["verify.scrub.set"]["input"]["change"]>;

export default class VerifyScrub extends SmCommand {
  static override description =
    "Compare all contents of a connection in the background, round after round, reading no more than so much in a second on either side. What is not named stays as it is. Without options: what is set, and how far it is.";
  static override examples = [
    "sm verify scrub 1 --bytes-per-second 10MiB --window 21:00-06:00",
    "sm verify scrub 1 --repair --every 30d",
    "sm verify scrub 1",
    "sm verify scrub 1 --off",
  ];
  static override args = connectionArg;
  static override flags = {
    "bytes-per-second": Flags.string({ description: "read so much in a second on either side, in the long run", helpValue: "SIZE" }),
    window: Flags.string({ description: "only between these times of day, or none = at any time", helpValue: "HH:MM-HH:MM" }),
    every: Flags.string({ description: "rounds begin no more often than this (default: 1d)", helpValue: "DURATION" }),
    repair: Flags.boolean({ description: "send again what differs or is missing", exclusive: ["report"] }),
    report: Flags.boolean({ description: "only tell what differs or is missing" }),
    enable: Flags.boolean({ description: "go on", exclusive: ["disable"] }),
    disable: Flags.boolean({ description: "rest where it is" }),
    off: Flags.boolean({ description: "end it" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(VerifyScrub);
    const id = parseConnectionId(args.conn);
    const change: Change = {};
    const rate = flags["bytes-per-second"];
    if (rate !== undefined) change.bytesPerSecond = parseBytes("--bytes-per-second", rate);
    if (flags.window !== undefined) change.window = flags.window === "none" ? null : parseWindow(flags.window);
    if (flags.every !== undefined) change.everyMs = durationMs("--every", flags.every);
    if (flags.repair || flags.report) change.repair = flags.repair ? "all" : "no";
    if (flags.enable || flags.disable) change.enabled = flags.enable;
    const isEmpty = Object.keys(change).length === 0;
    if (flags.off && !isEmpty) throw new SmError("USAGE", "--off ends the scrub: give nothing beside it");
    const api = this.api(flags);
    const isShown = isEmpty && !flags.off;
    const result = isShown ? await api.call("verify.scrub.show", { id }) : await api.call("verify.scrub.set", { id, change: flags.off ? null : change });
    this.show(result, flags, ({ scrub }) => [`connection ${id}`, ...formatScrub(scrub).map((line) => `  ${line}`)].join("\n"));
  }
}
