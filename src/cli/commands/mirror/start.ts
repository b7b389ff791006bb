import * as Flags from "@oclif/core/flags";
import { formatMirror } from "../../format/mirror-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { mirrorExitCode, waitForMirror } from "../../progress/mirror-wait.js";
import { openProgress } from "../../progress/progress.js";
import { SmCommand } from "../../sm-command.js";

export default class MirrorStart extends SmCommand {
  static override description = "Mirror a connection: bring the target to the state of the source.";
  static override examples = [
    "sm mirror start 1",
    "sm mirror start 1 --mode full --wait --timeout 1h",
    "sm mirror start 1 --checksum-all --path /data/db --wait",
  ];
  static override args = connectionArg;
  static override flags = {
    mode: Flags.string({ description: "send everything, or what differs", options: ["full", "difference"], default: "difference" }),
    checksum: Flags.boolean({ description: "compare files whose size or time differs block by block, whatever their size, and send the blocks that differ" }),
    "checksum-all": Flags.boolean({ description: "compare the contents of all files, and send the blocks that differ", exclusive: ["checksum"] }),
    newer: Flags.boolean({ description: "send files only if they are newer on the source; the others are left alone and told" }),
    path: Flags.string({ description: "mirror this directory or file of the source only, with all below (again for more)", multiple: true }),
    size: Flags.boolean({ description: "calculate its size first: shows the percentage and the time left (default: mirror.size)", allowNo: true }),
    wait: Flags.boolean({ description: "return when the mirror has ended; exit code 5 when it had problems" }),
    timeout: Flags.string({ description: "with --wait: at most this long; exit code 6 then", dependsOn: ["wait"] }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(MirrorStart);
    const id = parseConnectionId(args.conn);
    const timeoutMs = flags.timeout === undefined ? Number.POSITIVE_INFINITY : parseDurationSeconds("--timeout", flags.timeout) * 1000;
    const content = flags["checksum-all"] ? "checksum-all" : flags.checksum ? "checksum" : "times";
    const api = this.api(flags);
    let { mirror } = await api.call("mirror.start", {
      id,
      mode: flags.mode as "full" | "difference",
      content,
      newerOnly: flags.newer,
      ...(flags.size === undefined ? {} : { isSized: flags.size }),
      ...(flags.path === undefined ? {} : { paths: flags.path }),
    });
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
