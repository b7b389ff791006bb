import * as Flags from "@oclif/core/flags";
import { formatMirror } from "../../format/mirror-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { mirrorExitCode, waitForMirror } from "../../progress/mirror-wait.js";
import { openProgress } from "../../progress/progress.js";
import { SmCommand } from "../../sm-command.js";

export default class MirrorStart extends SmCommand {
  static override description = "Mirror a connection: bring the target to the state of the source.";
  static override examples = ["sm mirror start 1", "sm mirror start 1 --mode full --wait --timeout 1h"];
  static override args = connectionArg;
  static override flags = {
    mode: Flags.string({ description: "send everything, or what differs", options: ["full", "difference"], default: "difference" }),
    wait: Flags.boolean({ description: "return when the mirror has ended; exit code 5 when it had problems" }),
    timeout: Flags.string({ description: "with --wait: at most this long; exit code 6 then", dependsOn: ["wait"] }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(MirrorStart);
    const id = parseConnectionId(args.conn);
    const timeoutMs = flags.timeout === undefined ? Number.POSITIVE_INFINITY : parseDurationSeconds("--timeout", flags.timeout) * 1000;
    const api = this.api(flags);
    let { mirror } = await api.call("mirror.start", { id, mode: flags.mode as "full" | "difference" });
    if (flags.wait) {
      const progress = await openProgress({ stream: process.stderr, isSilent: flags.json });
      try {
        mirror = await waitForMirror({ api, id, mirror, timeoutMs, progress });
      } finally {
        progress.close();
      }
      this.exitWith(mirrorExitCode(mirror));
    }
    this.show({ mirror }, flags, () => formatMirror(mirror));
  }
}
