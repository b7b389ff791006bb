import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { COMPRESSIONS, type Compression } from "../../model/compression.js";
import { formatConnectionLines } from "../format/connection-text.js";
import { parseGuard } from "../parse/guard-setting.js";
import { parseMapTo } from "../parse/map-flags.js";
import { parseSimulatedLink } from "../parse/simulated-link.js";
import { SmCommand } from "../sm-command.js";

const CONNECT_DEADLINE_MS = 130_000;

export default class Connect extends SmCommand {
  static override description = "Connect a replication set to a target: mirror it there, then replicate each change.";
  static override examples = [
    "sm connect home beta --map /home=/backup/home",
    "sm connect home beta --exact --mirror full",
    "sm connect home localhost --base /backup --compression lz4 --json",
    "sm connect home tdu --tdu-bandwidth 20mbit --tdu-rtt 40",
  ];
  static override args = {
    set: Args.string({ description: "name of the replication set", required: true }),
    target: Args.string({ description: "name of the peer, localhost for this agent itself, or tdu: a simulation that stores nothing", required: true }),
  };
  static override flags = {
    map: Flags.string({ description: "place of a source path on the target", helpValue: "SOURCE=TARGET", multiple: true, multipleNonGreedy: true }),
    exact: Flags.boolean({ description: "the same paths on the target" }),
    base: Flags.string({ description: "all below this directory of the target", helpValue: "DIR" }),
    mirror: Flags.string({ description: "how the first mirror compares", options: ["full", "difference"], default: "difference" }),
    "no-mirror": Flags.boolean({ description: "do not mirror now" }),
    "no-replicate": Flags.boolean({ description: "do not replicate changes" }),
    compression: Flags.string({ description: "compression of what is sent", options: [...COMPRESSIONS], default: "off" }),
    durability: Flags.string({ description: "what the target has done when it acknowledges (default: apply.durability)", options: ["none", "write", "fsync"] }),
    guard: Flags.string({
      description:
        "percent of its files that the set may lose at once before the connection holds, or off; lost=20,changed=50 sets the limit of overwriting, too",
      helpValue: "PERCENT",
    }),
    "tdu-bandwidth": Flags.string({ description: "of the link that a simulation goes over: 20mbit, 2MiB (a second); default: no limit", helpValue: "RATE" }),
    "tdu-rtt": Flags.string({ description: "round trip of that link", helpValue: "MS" }),
    "no-remap-links": Flags.boolean({ description: "keep absolute links into the set as they are" }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Connect);
    const input = {
      repset: args.set,
      target: args.target,
      map: parseMapTo(args.target, flags),
      options: {
        mirror: flags["no-mirror"] ? "none" : (flags.mirror as "full" | "difference"),
        replicate: !flags["no-replicate"],
        compression: flags.compression as Compression,
        ...(flags.durability === undefined ? {} : { durability: flags.durability as "none" | "write" | "fsync" }),
        ...(flags.guard === undefined ? {} : parseGuard("--guard", flags.guard)),
        remapLinks: !flags["no-remap-links"],
        ...parseSimulatedLink(flags),
      },
    } as const;
    const result = await this.api(flags).call("connection.connect", input, { deadlineMs: CONNECT_DEADLINE_MS });
    this.show(result, flags, ({ connection }) => formatConnectionLines(connection).join("\n"));
  }
}
