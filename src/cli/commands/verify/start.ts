import * as Flags from "@oclif/core/flags";
import { formatJob } from "../../format/job-text.js";
import { connectionArg, parseConnectionId } from "../../parse/connection-id.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { orphanFlags, parseOrphanFlags } from "../../parse/orphan-flags.js";
import { waitForVerification } from "../../progress/orphans-wait.js";
import { SmCommand } from "../../sm-command.js";

export default class VerifyStart extends SmCommand {
  static override description = "Verify a connection: is the target as the source is? Nothing is changed without --repair.";
  static override examples = [
    "sm verify start 1 --wait",
    "sm verify start 1 --checksum-all --wait",
    "sm verify start 1 --repair --newer",
    "sm verify start 1 --orphans report --wait",
  ];
  static override args = connectionArg;
  static override flags = {
    checksum: Flags.boolean({ description: "compare the contents of files whose size or time differs, block by block" }),
    "checksum-all": Flags.boolean({ description: "compare the contents of all files", exclusive: ["checksum"] }),
    repair: Flags.boolean({ description: "send again what differs or is missing" }),
    newer: Flags.boolean({ description: "with --repair: not over files that are newer on the target", dependsOn: ["repair"] }),
    ...orphanFlags,
    wait: Flags.boolean({ description: "return when it has ended; exit code 5 when differences were found" }),
    timeout: Flags.string({ description: "with --wait: at most this long; exit code 6 then, and it goes on", dependsOn: ["wait"] }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(VerifyStart);
    const content = flags["checksum-all"] ? "all" : flags.checksum ? "flagged" : "times";
    const repair = flags.repair ? (flags.newer ? "newer" : "all") : "no";
    if (flags.timeout !== undefined) parseDurationSeconds("--timeout", flags.timeout);
    const api = this.api(flags);
    const id = parseConnectionId(args.conn);
    const { job: started } = await api.call("verify.start", { id, content, repair, orphans: parseOrphanFlags(flags) });
    if (!flags.wait) {
      this.show({ job: started }, flags, () => formatJob(started));
      return;
    }
    const wait = { api, timeout: flags.timeout, isJson: flags.json === true };
    const { job, orphansJob, exitCode } = await waitForVerification({ ...wait, job: started });
    this.exitWith(exitCode);
    if (orphansJob === null && exitCode !== 0 && job.kind === "verify" && job.verify.orphans !== null)
      this.note("no orphans were looked for yet: see `sm job list`");
    this.show(orphansJob === null ? { job } : { job, orphansJob }, flags, () =>
      [job, orphansJob].flatMap((each) => (each === null ? [] : [formatJob(each)])).join("\n"),
    );
  }
}
