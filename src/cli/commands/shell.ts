import { join } from "node:path";
import { SmError } from "../../base/errors.js";
import { Interrupts } from "../interrupts.js";
import { type ApiPort, openScriptPort } from "../script/api-port.js";
import { CUT_OFF_EXIT, runText } from "../script/run-text.js";
import { readScript } from "../script/script-source.js";
import { JsonScriptView, TextScriptView } from "../script/script-view.js";
import { ShellHistory } from "../shell/shell-history.js";
import { ShellLoop } from "../shell/shell-loop.js";
import { SmCommand } from "../sm-command.js";
import { userStateDirectory } from "../user-state.js";

export default class Shell extends SmCommand {
  static override description =
    "Type commands of the command language, one a line; HELP lists them, Tab completes, Ctrl-D ends. Without a terminal it is `sm run -`.";
  static override examples = ["sm shell", "sm shell --server files1"];

  override async run(): Promise<void> {
    const { flags } = await this.parse(Shell);
    const place = this.agentPlace(flags);
    const port = (signal: AbortSignal) => openScriptPort(place, signal);
    if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
      const view = flags.json
        ? new JsonScriptView(process.stdout)
        : new TextScriptView({ out: process.stdout, beside: process.stderr, origin: "standard input" });
      this.exitWith(CUT_OFF_EXIT);
      this.exitWith(await runText({ text: await readScript("-"), port, view, stopsOnError: true, timeoutMs: null }));
      return;
    }
    if (flags.json) throw new SmError("USAGE", "--json is for scripts: use `sm run FILE --json`, or give standard input to `sm shell --json`");
    await this.#interact(port);
  }

  async #interact(portUntil: (signal: AbortSignal) => ApiPort): Promise<void> {
    const interrupts = Interrupts.listen();
    const history = new ShellHistory(join(userStateDirectory(process.env), "shell-history"));
    const [port, catalog] = [portUntil(interrupts.first), portUntil(interrupts.first)];
    try {
      this.exitWith(await new ShellLoop({ input: process.stdin, output: process.stdout, history, port, catalog, signal: interrupts.first }).run());
    } finally {
      interrupts.close();
    }
  }
}
