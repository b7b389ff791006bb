import * as Args from "@oclif/core/args";
import { outputFlags, SmCommand } from "../sm-command.js";

/** Of text for a file or a pipe, as man(1) has it. */
const COLUMNS = 80;

export default class Man extends SmCommand {
  static override description =
    "Show the man page of a command, of sm, or of sm.yaml: with man(1) on a terminal, as plain text elsewhere. The pages are made from the program that runs, whether or not they are installed.";
  static override examples = ["sm man", "sm man repset create", "sm man sm.yaml", "sm man connect > connect.txt"];
  static override baseFlags = outputFlags as unknown as typeof SmCommand.baseFlags;
  static override args = {
    command: Args.string({ description: "words of a command, the name of its page (repset-create), or sm.yaml (default: the page of sm)", multiple: true }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Man);
    // Other commands do not load all of them.
    const { installedPages } = await import("../catalog/man-page.js");
    const { plainPage } = await import("../catalog/plain-page.js");
    const { findPage, nameOf } = await import("../manual/find-page.js");
    const { showInMan } = await import("../manual/man-program.js");
    const page = findPage(await installedPages(this.config.root), args.command ?? []);
    const { width } = this.terminal(flags);
    if (flags.json) this.show({ page: nameOf(page), section: Number(page.file.at(-1)), text: plainPage(page.text, COLUMNS) }, flags, () => "");
    else if (process.stdout.isTTY !== true || !(await showInMan(page.text, { env: process.env, output: "inherit" }))) {
      process.stdout.write(plainPage(page.text, Math.min(width, COLUMNS)));
    }
  }
}
