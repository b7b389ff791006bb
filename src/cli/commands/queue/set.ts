import * as Flags from "@oclif/core/flags";
import { SmError } from "../../../base/errors.js";
import { formatQueue } from "../../format/queue-text.js";
import { SmCommand } from "../../sm-command.js";

const UNLIMITED = "unlimited";

export default class QueueSet extends SmCommand {
  static override description = "Set limits of the queues while the agent runs. They stay in force over restarts, before those of the configuration file.";
  static override examples = ["sm queue set --memory-mib 256 --disk-mib 20480", "sm queue set --disk-mib unlimited --alert-percent 70", "sm queue set --reset"];
  static override flags = {
    "memory-mib": Flags.integer({ description: "MiB of changes kept in memory before the queue goes to disk" }),
    "disk-mib": Flags.string({ description: "MiB of the queue on disk, or unlimited" }),
    "min-free-mib": Flags.integer({ description: "MiB that stay free on the volume of the queue" }),
    "alert-percent": Flags.integer({ description: "percent of the disk queue at which a warning is given; 0 = none" }),
    reset: Flags.boolean({ description: "back to the limits of the configuration file" }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(QueueSet);
    const disk = flags["disk-mib"];
    const change = {
      ...(flags["memory-mib"] === undefined ? {} : { memoryMiB: flags["memory-mib"] }),
      ...(disk === undefined ? {} : { diskMiB: parseDisk(disk) }),
      ...(flags["min-free-mib"] === undefined ? {} : { minFreeMiB: flags["min-free-mib"] }),
      ...(flags["alert-percent"] === undefined ? {} : { alertPercent: flags["alert-percent"] }),
    };
    this.show(await this.api(flags).call("queue.set", { ...change, reset: flags.reset }), flags, ({ queue }) => formatQueue(queue));
  }
}

function parseDisk(text: string): number | null {
  if (text === UNLIMITED) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new SmError("USAGE", `--disk-mib is ${JSON.stringify(text)}, but must be a whole number of MiB, or ${UNLIMITED}`);
}
