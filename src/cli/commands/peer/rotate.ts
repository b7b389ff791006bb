import * as Flags from "@oclif/core/flags";
import { formatKeyRotated } from "../../format/peer-text.js";
import { parseDurationSeconds } from "../../parse/duration.js";
import { SmCommand } from "../../sm-command.js";

export default class PeerRotate extends SmCommand {
  static override description =
    "Give this agent a new key: its peers are told, and confirm it; then the old key is removed. Again: those that wait are told at once.";
  static override examples = ["sm peer rotate", "sm peer rotate --overlap 30d", "sm peer rotate --force"];
  static override flags = {
    force: Flags.boolean({ description: "remove the old key now: peers that cannot be told are to be paired anew" }),
    overlap: Flags.string({ description: "how long the old key waits for peers that are away (default 7d, at most 90d)", helpValue: "DURATION" }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(PeerRotate);
    const overlapSeconds = flags.overlap === undefined ? undefined : parseDurationSeconds("--overlap", flags.overlap);
    this.show(await this.api(flags).call("peer.rotate", { force: flags.force, overlapSeconds }), flags, formatKeyRotated);
  }
}
