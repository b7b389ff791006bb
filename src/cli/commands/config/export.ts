import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as Flags from "@oclif/core/flags";
import { SmError, toSmError } from "../../../base/errors.js";
import type { ConfigExport as Exported } from "../../../model/config-control.js";
import { SmCommand } from "../../sm-command.js";

export default class ConfigExport extends SmCommand {
  static override description =
    "The whole agent as files: what is in force of sm.yaml, the replication sets, the connections as files of connections.d. No secrets: keys and pairings stay in the state directory.";
  static override examples = ["sm config export > agent.yaml", "sm config export --to /tmp/agent", "sm config export --json"];
  static override flags = { to: Flags.string({ description: "write the files below this directory; none that is there is overwritten", helpValue: "DIR" }) };

  override async run(): Promise<void> {
    const { flags } = await this.parse(ConfigExport);
    const exported = await this.api(flags).call("config.export", {});
    if (flags.to === undefined) return this.show(exported.document, flags, () => exported.text.trimEnd());
    const written = writeFiles(flags.to, exported.files);
    this.show({ written }, flags, () => written.join("\n"));
  }
}

/** A file, or one of a directory: an agent of another machine names nothing outside of them. */
const PLACE = /^(?:[^/.\0][^/\0]*\/)?[^/.\0][^/\0]*$/;

function writeFiles(directory: string, files: Exported["files"]): string[] {
  const outside = files.find(({ path }) => !PLACE.test(path));
  if (outside !== undefined)
    throw new SmError("PROTOCOL", `the agent names a file ${JSON.stringify(outside.path)}, as no configuration has: nothing was written`);
  const paths = files.map(({ path, text }) => ({ path: join(directory, path), text }));
  const taken = paths.find(({ path }) => existsSync(path));
  if (taken !== undefined) throw new SmError("ALREADY_EXISTS", `${taken.path} is there already: nothing was written`);
  for (const { path, text } of paths) {
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { flag: "wx" });
    } catch (error) {
      throw toSmError(error, "FS_IO", `cannot write ${path}`);
    }
  }
  return paths.map(({ path }) => path);
}
