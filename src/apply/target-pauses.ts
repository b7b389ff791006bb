// Which connections this target applies nothing of, because a person said so. Kept over restarts.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { writeFileAtomic } from "../fs/atomic-file.js";

const pausesSchema = z.strictObject({
  /** Of every connection, those to come too: since when (ms); null = not. */
  all: z.number().nullable(),
  /** By key of the connection: since when. */
  connections: z.record(z.string(), z.number()),
});

type Pauses = z.infer<typeof pausesSchema>;

export class TargetPauses {
  readonly #path: string;
  #pauses: Pauses;

  private constructor(path: string, pauses: Pauses) {
    this.#path = path;
    this.#pauses = pauses;
  }

  static open(stateDirectory: string): TargetPauses {
    const path = join(stateDirectory, "pauses.json");
    if (!existsSync(path)) return new TargetPauses(path, { all: null, connections: {} });
    try {
      return new TargetPauses(path, pausesSchema.parse(JSON.parse(readFileSync(path, "utf8"))));
    } catch (error) {
      throw new SmError("STATE_CORRUPT", `${path} cannot be read`, { cause: error });
    }
  }

  get isAll(): boolean {
    return this.#pauses.all !== null;
  }

  /** Since when the connection is paused; null = it is not. */
  sinceOf(key: string): number | null {
    return this.#pauses.all ?? this.#pauses.connections[key] ?? null;
  }

  /** Null = every connection. Paused again, it stays paused since the first time. */
  pause(keys: readonly string[] | null, nowMs: number): void {
    const { all, connections } = this.#pauses;
    if (keys === null) this.#write({ all: all ?? nowMs, connections });
    else this.#write({ all, connections: { ...Object.fromEntries(keys.map((key) => [key, nowMs])), ...connections } });
  }

  /** Null = every connection, whichever way it was paused. */
  resume(keys: readonly string[] | null): void {
    if (keys === null) this.#write({ all: null, connections: {} });
    else this.#without(keys);
  }

  /** Of a connection that is over. */
  forget(key: string): void {
    if (this.#pauses.connections[key] !== undefined) this.#without([key]);
  }

  #without(keys: readonly string[]): void {
    const { all, connections } = this.#pauses;
    this.#write({ all, connections: Object.fromEntries(Object.entries(connections).filter(([key]) => !keys.includes(key))) });
  }

  #write(pauses: Pauses): void {
    writeFileAtomic(this.#path, JSON.stringify(pauses));
    this.#pauses = pauses;
  }
}
