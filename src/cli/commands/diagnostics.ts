import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import * as Flags from "@oclif/core/flags";
import { SmError, toSmError } from "../../base/errors.js";
import { collectDiagnostics } from "../diagnostics/collect.js";
import { tarArchive } from "../diagnostics/tar-archive.js";
import { formatBytes } from "../format/quantities.js";
import { SmCommand } from "../sm-command.js";

const EXIT_WITH_PROBLEMS = 5;

export default class Diagnostics extends SmCommand {
  static override description =
    "Write an archive for those who help: what the agent says of itself, its configuration, the ends of its logs, versions and limits of the machine. Keys, tokens and passwords are not in it; paths and names are.";
  static override examples = ["sm diagnostics", "sm diagnostics --output /tmp/sm.tar.gz"];
  static override flags = {
    output: Flags.string({ description: "the archive, which must not exist (default: sm-diagnostics-HOST-TIME.tar.gz here)", helpValue: "FILE" }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Diagnostics);
    const at = new Date();
    const name = `sm-diagnostics-${hostname()}-${at
      .toISOString()
      .replace(/\.\d+Z$/, "Z")
      .replaceAll(":", "")}`;
    const path = resolve(flags.output ?? `${name}.tar.gz`);
    const { files, problems } = await collectDiagnostics({ api: this.api(flags), directories: this.directories(flags), smVersion: this.config.version });
    const archive = gzipSync(
      tarArchive(
        files.map((file) => ({ ...file, name: `${name}/${file.name}` })),
        at.getTime(),
      ),
    );
    write(path, archive);
    if (problems.length > 0) this.exitWith(EXIT_WITH_PROBLEMS);
    this.show({ path, bytes: archive.length, files: files.map((file) => file.name), problems }, flags, () =>
      [`${path}: ${files.length} files, ${formatBytes(archive.length)}`, ...problems.map((problem) => `not in it: ${problem}`)].join("\n"),
    );
  }
}

/** For its owner only: it tells of a machine. */
function write(path: string, archive: Buffer): void {
  try {
    writeFileSync(path, archive, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw new SmError("ALREADY_EXISTS", `${path} exists`, { cause: error });
    throw toSmError(error, "USAGE", `${path} cannot be written`);
  }
}
