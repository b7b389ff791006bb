import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import { formatJob } from "../../format/job-text.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { parseRate } from "../../parse/sizes.js";
import { jobExitCode, waitForStarted } from "../../progress/job-wait.js";
import { SmCommand } from "../../sm-command.js";

export default class RestoreStart extends SmCommand {
  static override description =
    "Bring the data of a replication set back from the copy that a target keeps, to this machine (given on the source) or to another one (given on the target).";
  static override examples = [
    "sm restore start web --from B --wait",
    "sm restore start web --from B --overwrite newer --path /srv/www/img",
    "sm restore start web --from B --to C --wait",
    "sm restore start web --from B --bandwidth 10MiB",
  ];
  static override args = { set: Args.string({ description: "name of the replication set; A/NAME where copies of several sources have it", required: true }) };
  static override flags = {
    from: Flags.string({ description: "the peer that has the copy; with --to this agent, by its own name", required: true }),
    to: Flags.string({ description: "a peer of the agent that has the copy: it is written to, at the paths of the source; default: this machine" }),
    overwrite: Flags.option({
      options: ["always", "newer", "missing"] as const,
      default: "always" as const,
      description: "what differs, only what is newer in the copy, or only what is not there",
    })(),
    checksum: Flags.boolean({ description: "compare the contents of all files, also where size and date are equal, and bring the blocks that differ" }),
    orphans: Flags.option({
      options: ["keep", "report", "delete"] as const,
      default: "keep" as const,
      description: "what becomes of names that the copy does not have; what the set excludes is none",
    })(),
    path: Flags.string({ description: "restore this directory or file of the source only, with all below (again for more)", multiple: true }),
    bandwidth: Flags.string({ description: "what the copy's agent sends in a second at most: 10MiB, 500KB, 100mbit; default: no limit", helpValue: "RATE" }),
    wait: Flags.boolean({ description: "return when it has ended; exit code 4 when it failed" }),
    timeout: Flags.string({ description: "with --wait: at most this long; exit code 6 then, and it goes on", dependsOn: ["wait"] }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RestoreStart);
    if (flags.timeout !== undefined) parseDurationSeconds("--timeout", flags.timeout);
    const outside = flags.path?.find((path) => !path.startsWith("/"));
    if (outside !== undefined) throw new SmError("USAGE", `--path ${outside} is not an absolute path`);
    const { from, to = null, overwrite, checksum, orphans, path: paths = null } = flags;
    const bytesPerSecond = flags.bandwidth === undefined ? null : parseRate("--bandwidth", flags.bandwidth);
    const api = this.api(flags);
    let { job } = await api.call("restore.start", { repset: args.set, from, to, overwrite, checksum, orphans, paths, bytesPerSecond });
    if (flags.wait) {
      job = await waitForStarted({ api, job, timeout: flags.timeout, isJson: flags.json === true });
      this.exitWith(jobExitCode(job));
    }
    this.show({ job }, flags, () => formatJob(job));
  }
}
