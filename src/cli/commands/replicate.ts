import { join, resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { ERRORS, isErrorCode } from "../../base/errors.js";
import { Interrupts } from "../interrupts.js";
import { parseDurationSeconds } from "../parse/duration.js";
import { openDirectoryPair, pairKey } from "../replicate/directory-pair.js";
import { replicate } from "../replicate/replicate.js";
import { jsonView, TextView } from "../replicate/replicate-view.js";
import { outputFlags, SmCommand } from "../sm-command.js";
import { userStateDirectory } from "../user-state.js";

const INTERRUPTED_EXIT = 130;

export default class Replicate extends SmCommand {
  static override description = "Replicate one directory to another on this machine: mirror it, then follow each change until Ctrl-C. Needs no configuration.";
  static override examples = ["sm replicate /srv/data /backup/data", "sm replicate ./a ./b --json"];
  static override baseFlags = outputFlags as unknown as typeof SmCommand.baseFlags;
  static override args = {
    source: Args.string({ description: "directory to replicate", required: true }),
    target: Args.string({ description: "directory that becomes its copy; it is made when missing", required: true }),
  };
  static override flags = {
    home: Flags.string({ description: "where the agent keeps its state (default: one place per pair of directories)", helpValue: "DIR" }),
    "drain-timeout": Flags.string({ description: "how long the end may take to send what is queued", default: "30" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Replicate);
    const drainMs = Math.round(parseDurationSeconds("--drain-timeout", flags["drain-timeout"]) * 1000);
    const pair = await openDirectoryPair(args.source, args.target);
    const home = flags.home === undefined ? join(userStateDirectory(process.env), "replicate", pairKey(pair)) : resolve(flags.home);
    const view = flags.json ? jsonView(process.stdout) : new TextView(process.stdout, process.stderr);
    const interrupts = Interrupts.listen();
    try {
      const program = [process.execPath, join(this.config.root, "bin", "sm")] as const;
      const summary = await replicate({
        pair,
        home,
        program: [...program],
        env: process.env,
        drainMs,
        view,
        signal: interrupts.first,
        abort: interrupts.second,
      });
      view.summary(summary);
      const code = summary.reason?.code;
      if (code !== undefined) this.exitWith(isErrorCode(code) ? ERRORS[code].exitCode : 1);
    } catch (error) {
      if (!interrupts.second.aborted) throw error;
      this.note("stopped at once; run the same command again to go on");
      this.exitWith(INTERRUPTED_EXIT);
    } finally {
      interrupts.close();
    }
  }
}
