// What is kept of each connection of this source beside its record, on disk: one file each, whole at every moment.

import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { syncDirectory, writeFileAtomic } from "../fs/atomic-file.js";

export interface KeptKind<Kept> {
  readonly schema: z.ZodType<Kept>;
  /** What a connection without a file has. */
  readonly nothing: Kept;
  /** What nobody knows when a file cannot be read. */
  readonly loss: string;
  /** Throws when the file is not to be trusted. */
  readonly judge?: (path: string) => void;
}

export class PerConnectionFiles<Kept> {
  readonly #directory: string;
  readonly #kind: KeptKind<Kept>;

  constructor(directory: string, kind: KeptKind<Kept>) {
    this.#directory = directory;
    this.#kind = kind;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** STATE_CORRUPT, or what `judge` throws. */
  read(connectionId: number): Kept {
    const path = this.#path(connectionId);
    const { schema, nothing, loss, judge } = this.#kind;
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return nothing;
      throw error;
    }
    judge?.(path);
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : "no JSON";
      throw new SmError("STATE_CORRUPT", `${path} cannot be read (${why}): ${loss}`, { cause: error });
    }
  }

  /** Durable when it returns. */
  save(connectionId: number, kept: Kept): void {
    writeFileAtomic(this.#path(connectionId), JSON.stringify(kept));
  }

  remove(connectionId: number): void {
    rmSync(this.#path(connectionId), { force: true });
    syncDirectory(this.#directory);
  }

  #path(connectionId: number): string {
    return join(this.#directory, `${connectionId}.json`);
  }
}
