import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import { SmError } from "../../../base/errors.js";
import type { CheckReport } from "../../../config/check-files.js";
import { formatCheck } from "../../format/config-text.js";
import { SmCommand } from "../../sm-command.js";

const WRONG = 2;

export default class ConfigCheck extends SmCommand {
  static override description =
    "Check sm.yaml, repsets.d and connections.d without an agent: all errors at once, each with file, line, column, what is expected and what is there. Exit code 2 when there are any.";
  static override examples = ["sm config check", "sm config check /etc/sm --json", "sm config check connections.d/home.yaml"];
  static override args = {
    path: Args.string({ description: "a configuration directory, or one file of it (default: the configuration directory)" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ConfigCheck);
    const report = await this.#check(args.path ?? this.directories(flags).configDir, flags);
    this.show(report, flags, formatCheck);
    if (report.errors.length > 0) this.exitWith(WRONG);
  }

  async #check(path: string, flags: Parameters<SmCommand["directories"]>[0]): Promise<CheckReport> {
    const { checkFile, readConfigFiles } = await import("../../../config/check-files.js");
    if (!existsSync(path)) throw new SmError("NOT_FOUND", `there is no ${path}`);
    const { stateDir, runtimeDir, logDir, configDir } = this.directories(flags);
    const directories = { stateDir, runtimeDir, logDir };
    if (!statSync(path).isDirectory()) return checkFile(path, { flags: { ...directories, configDir } });
    const { files, errors, warnings } = readConfigFiles({ flags: { ...directories, configDir: resolve(path) } });
    return { files, errors, warnings };
  }
}
