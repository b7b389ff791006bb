// Copies of this target from which the source is to be restored before it may send again: `restore.json` in the connection's state
// directory. A source that lost its data must not bring the loss here, whatever it knows of the restore.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { syncDirectory, writeFileAtomic } from "../fs/atomic-file.js";

const markSchema = z.strictObject({
  /** ISO 8601. */
  since: z.string(),
  why: z.string(),
  /** A restore of some paths is enough. */
  isPart: z.boolean(),
});

export type RestoreMark = z.infer<typeof markSchema>;

export class RestoreMarks {
  readonly #directory: string;

  /** `directory` holds one state directory per connection, named by its key. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  of(key: string): RestoreMark | null {
    const path = this.#path(key);
    if (!existsSync(path)) return null;
    try {
      return markSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    } catch (error) {
      throw new SmError("STATE_CORRUPT", `${path} cannot be read`, { cause: error });
    }
  }

  /** Durable when it returns. */
  set(key: string, mark: RestoreMark): void {
    writeFileAtomic(this.#path(key), JSON.stringify(mark));
  }

  clear(key: string): void {
    const path = this.#path(key);
    if (!existsSync(path)) return;
    rmSync(path, { force: true });
    syncDirectory(dirname(path));
  }

  /** Throws RESTORE_REQUIRED for the first of these copies that its source may not write to. */
  refuse(keys: readonly string[]): void {
    for (const key of keys) {
      const mark = this.of(key);
      if (mark !== null) throw new SmError("RESTORE_REQUIRED", mark.why, { data: { since: mark.since } });
    }
  }

  #path(key: string): string {
    return join(this.#directory, key, "restore.json");
  }
}
