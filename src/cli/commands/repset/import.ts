import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { readTextFile } from "../../parse/text-file.js";
import { parseDocument } from "../../repsets/repset-document.js";
import { carryOutImport, planImport } from "../../repsets/repset-import.js";
import { SmCommand } from "../../sm-command.js";

const WORDS = { create: "created", replace: "replaced", keep: "unchanged" } as const;
const DRY_WORDS = { create: "would be created", replace: "would be replaced", keep: "unchanged" } as const;

export default class RepsetImport extends SmCommand {
  static override description =
    "Make the replication sets of a file that `sm repset export` wrote. All are checked before any is made; a set that is there with other rules takes --replace.";
  static override examples = ["sm repset import sets.yaml", "sm repset import sets.yaml --replace --dry-run", "sm repset import - < sets.yaml"];
  static override args = { file: Args.string({ description: "the file, or - for standard input", required: true }) };
  static override flags = {
    replace: Flags.boolean({ description: "give sets that are there the rules of the file" }),
    "dry-run": Flags.boolean({ description: "change nothing: tell what would be done" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(RepsetImport);
    const document = parseDocument(await readTextFile(args.file), args.file === "-" ? "standard input" : args.file);
    const api = this.api(flags);
    const steps = planImport(document, (await api.call("repset.list", {})).repsets, flags.replace === true);
    const isDryRun = flags["dry-run"] === true;
    if (!isDryRun) await carryOutImport(api, steps);
    const words = isDryRun ? DRY_WORDS : WORDS;
    const result = { isDryRun, repsets: steps.map(({ name, action }) => ({ name, action })) };
    this.show(result, flags, ({ repsets }) => repsets.map(({ name, action }) => `${name}: ${words[action]}`).join("\n"));
  }
}
