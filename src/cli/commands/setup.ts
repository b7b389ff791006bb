import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../../base/errors.js";
import type { NewConfig } from "../../config/config-create.js";
import { formatSetup } from "../format/setup-text.js";
import { askAnswers, askYes, requireAnswers, type SetupAnswers, type SetupFacts, settingsOf } from "../setup/answers.js";
import { nextSteps } from "../setup/next-steps.js";
import { makeGroups, missingRoleGroups } from "../setup/system-groups.js";
import { SmCommand } from "../sm-command.js";

export default class Setup extends SmCommand {
  static override description =
    "Set up this server: write its first sm.yaml, with comments, from answers on the terminal or from options. It is checked before it is written, as by `sm config check`; one that is there is never replaced. Nothing is asked where there is no terminal.";
  static override examples = [
    "sm setup",
    "sm setup --site-name B --listen 10.0.0.2:1500 --allowed-root /srv/copies --groups --yes",
    "sm setup --yes --dry-run",
  ];
  static override flags = {
    "site-name": Flags.string({ description: "name under which peers know this server (default: its host name)", helpValue: "NAME" }),
    listen: Flags.string({ description: "address and port for peers and users (default: 127.0.0.1:1500)", helpValue: "HOST:PORT" }),
    "remote-users": Flags.boolean({ description: "users of `sm user` may command this agent from other machines (default: yes)", allowNo: true }),
    "allowed-root": Flags.string({
      description: "directory that paired sources may put copies below; again for more",
      helpValue: "DIR",
      multiple: true,
      multipleNonGreedy: true,
    }),
    groups: Flags.boolean({ description: "make the groups smadmin and smmon where they are missing, as root", allowNo: true }),
    yes: Flags.boolean({ description: "ask nothing: what is not given has its default" }),
    "dry-run": Flags.boolean({ description: "print the file, and write nothing" }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Setup);
    this.requireLocal(flags, "a server is set up on");
    const { planConfig, writeConfig } = await import("../../config/config-create.js");
    const directories = this.directories(flags);
    const sample = readFileSync(join(this.config.root, "config", "sm.yaml"), "utf8");
    const plan = (answers: SetupAnswers): NewConfig => planConfig({ flags: { ...directories } }, sample, settingsOf(answers));
    const given: SetupAnswers = {
      ...{ siteName: flags["site-name"], listen: flags.listen, remoteUsers: flags["remote-users"] },
      ...{ allowedRoots: flags["allowed-root"], groups: flags.groups },
    };
    if (given.groups === true && process.geteuid?.() !== 0) throw new SmError("USAGE", "--groups is for root: groups are the system's");
    // What cannot be written is said before anything is asked.
    plan(given);
    const missing = missingRoleGroups();
    const answers = flags.yes ? given : await this.#ask(given, missing, directories.configDir, flags["dry-run"]);
    const planned = plan(answers);
    const made = answers.groups === true && !flags["dry-run"] ? missing : [];
    makeGroups(made, process.env);
    if (!flags["dry-run"]) writeConfig(directories, planned);
    const left = missing.filter((group) => !made.includes(group));
    const next = nextSteps({ ...this.#place(flags, directories.configDir), listen: answers.listen ?? "127.0.0.1:1500", missingGroups: left });
    const result = { ...planned, isWritten: !flags["dry-run"], settings: settingsOf(answers), groups: { made, missing: left }, next };
    this.show(result, flags, formatSetup);
  }

  async #ask(given: SetupAnswers, missingGroups: readonly string[], configDir: string, isDryRun: boolean): Promise<SetupAnswers> {
    const { parseGiven, requireField } = await import("../../config/config-edit.js");
    const fault = (key: string, value: unknown): string | undefined => {
      try {
        parseGiven(configDir, key, value);
        return undefined;
      } catch {
        return requireField(key).field.expected;
      }
    };
    const facts: SetupFacts = { hostname: hostname(), missingGroups, fault };
    if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
      requireAnswers(given, facts);
      return given;
    }
    const { Asker } = await import("../setup/asker.js");
    const asker = new Asker(process.stdin, process.stderr);
    try {
      const answers = await askAnswers(given, asker.ask, facts);
      if (!isDryRun && !(await askYes(asker.ask, `Write ${join(configDir, "sm.yaml")}`))) throw new SmError("USAGE", "nothing was written");
      return answers;
    } finally {
      asker.close();
    }
  }

  #place(flags: Parameters<SmCommand["directories"]>[0], configDir: string) {
    const home = process.env.SM_HOME ?? "";
    const suffix = (["config-dir", "state-dir", "runtime-dir", "log-dir"] as const).flatMap((name) =>
      flags[name] === undefined ? [] : [` --${name} ${flags[name]}`],
    );
    return {
      root: this.config.root,
      hasUnit: configDir === "/etc/sm" && suffix.length === 0 && existsSync("/run/systemd/system"),
      prefix: home === "" ? "" : `SM_HOME=${home} `,
      suffix: suffix.join(""),
    };
  }
}
