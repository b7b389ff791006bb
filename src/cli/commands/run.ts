import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SmError } from "../../base/errors.js";
import { parseDurationSeconds } from "../parse/duration.js";
import { openScriptPort } from "../script/api-port.js";
import { CUT_OFF_EXIT, runText } from "../script/run-text.js";
import { readScript } from "../script/script-source.js";
import { JsonScriptView, TextScriptView } from "../script/script-view.js";
import { SmCommand } from "../sm-command.js";

/** As far as a timer reaches. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export default class Run extends SmCommand {
  static override description =
    "Run a script of the command language (docs/command-language.md; `HELP` in `sm shell` shows its commands). With --json one line per statement with its value.";
  static override examples = [
    "sm run setup.sm",
    "sm run setup.sm --on-error continue --timeout 15m --json",
    "sm run - < setup.sm",
    "sm run --server files1 setup.sm",
  ];
  static override args = { file: Args.string({ description: "the script, or - for standard input", required: true }) };
  static override flags = {
    "on-error": Flags.string({
      description: "what a command that fails does to the script; ON ERROR in it changes that",
      options: ["stop", "continue"],
      default: "stop",
    }),
    timeout: Flags.string({ description: "end the script after this time, such as 90s or 15m", helpValue: "TIME" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Run);
    const timeoutMs = flags.timeout === undefined ? null : parseTimeout(flags.timeout);
    const text = await readScript(args.file);
    const origin = args.file === "-" ? "standard input" : args.file;
    const view = flags.json ? new JsonScriptView(process.stdout) : new TextScriptView({ out: process.stdout, beside: process.stderr, origin });
    const place = this.agentPlace(flags);
    const port = (signal: AbortSignal) => openScriptPort(place, signal);
    this.exitWith(CUT_OFF_EXIT);
    this.exitWith(await runText({ text, port, view, stopsOnError: flags["on-error"] === "stop", timeoutMs }));
  }
}

function parseTimeout(text: string): number {
  const ms = Math.round(parseDurationSeconds("--timeout", text) * 1000);
  if (ms <= TIMEOUT_MS_MAX) return ms;
  throw new SmError("USAGE", `--timeout is ${text}, but must be at most 24d: leave it out for no limit`);
}
