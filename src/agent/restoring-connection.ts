import type { SourceConnectionOptions } from "../connection/connection-options.js";
import type { MirrorNeed } from "../connection/connection-record.js";
import { SourceConnection } from "../connection/source-connection.js";

/**
 * The connection of a restore. What replication would make good by a mirror of everything, which overwrites and removes, ends a
 * restore instead: nobody asked for that.
 */
export class RestoringConnection extends SourceConnection {
  readonly #onOther: (message: string) => void;

  constructor(options: SourceConnectionOptions, onOther: (message: string) => void) {
    super(options);
    this.#onOther = onOther;
  }

  override requireMirror(need: MirrorNeed): void {
    if (need.reason === "restore") super.requireMirror(need);
    else this.#onOther(need.message);
  }
}
