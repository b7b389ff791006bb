import * as Args from "@oclif/core/args";
import { documentOf, formatDocument } from "../../repsets/repset-document.js";
import { SmCommand } from "../../sm-command.js";

export default class RepsetExport extends SmCommand {
  static override description = "Print a replication set, or all, as a file that `sm repset import` reads: YAML, or JSON with --json.";
  static override examples = ["sm repset export", "sm repset export home", "sm repset export home | ssh beta sm repset import -"];
  static override args = { set: Args.string({ description: "name of the replication set; default: all", required: false }) };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetExport);
    const api = this.api(flags);
    const repsets = args.set === undefined ? (await api.call("repset.list", {})).repsets : [(await api.call("repset.show", { name: args.set })).repset];
    this.show(documentOf(repsets), flags, formatDocument);
  }
}
