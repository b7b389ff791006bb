import * as Args from "@oclif/core/args";
import { SHELLS, type Shell } from "../completion/shells.js";
import { outputFlags, SmCommand } from "../sm-command.js";

export default class Completion extends SmCommand {
  static override description =
    "Print the completion of a shell: commands, flags and their values, and what this agent knows (sets, connections, peers, jobs), and the servers that this account has stored.";
  static override examples = [
    "sm completion bash > /usr/share/bash-completion/completions/sm",
    "sm completion zsh > /usr/share/zsh/site-functions/_sm",
    "sm completion fish > ~/.config/fish/completions/sm.fish",
  ];
  static override baseFlags = outputFlags as unknown as typeof SmCommand.baseFlags;
  static override args = { shell: Args.string({ description: "the shell", options: [...SHELLS], required: true }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Completion);
    // Other commands do not load all of them.
    const { loadCatalog } = await import("../catalog/catalog.js");
    const { completionScript } = await import("../completion/completion-script.js");
    const script = completionScript(args.shell as Shell, await loadCatalog(this.config.root), this.config.root);
    if (flags.json) this.show({ shell: args.shell, script }, flags, () => "");
    else process.stdout.write(script);
  }
}
