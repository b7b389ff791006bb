// The connections of this source on disk: one file each, written atomically; numbers are never used twice.

import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { type ConnectionRecord, connectionRecordSchema } from "../connection/connection-record.js";
import { syncDirectory, writeFileAtomic } from "../fs/atomic-file.js";

const counterSchema = z.strictObject({ lastId: z.number().int().nonnegative() });

export class ConnectionStore {
  readonly #directory: string;
  #lastId: number;

  private constructor(directory: string, lastId: number) {
    this.#directory = directory;
    this.#lastId = lastId;
  }

  static open(stateDir: string): ConnectionStore {
    const directory = join(stateDir, "connections");
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const counter = join(directory, "counter.json");
    const known = readdirSync(directory).includes("counter.json") ? parseFile(counter, counterSchema).lastId : 0;
    return new ConnectionStore(directory, known);
  }

  nextId(): number {
    this.#lastId += 1;
    writeFileAtomic(join(this.#directory, "counter.json"), JSON.stringify({ lastId: this.#lastId }));
    return this.#lastId;
  }

  list(): readonly ConnectionRecord[] {
    return readdirSync(this.#directory)
      .filter((name) => /^\d+\.json$/.test(name))
      .map((name) => parseFile(join(this.#directory, name), connectionRecordSchema))
      .sort((a, b) => a.id - b.id);
  }

  save(record: ConnectionRecord): void {
    writeFileAtomic(this.#path(record.id), `${JSON.stringify(record, null, 2)}\n`);
  }

  remove(id: number): void {
    rmSync(this.#path(id), { force: true });
    syncDirectory(this.#directory);
  }

  #path(id: number): string {
    return join(this.#directory, `${id}.json`);
  }
}

function parseFile<T>(path: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new SmError("STATE_CORRUPT", `${path} is not valid JSON`, { cause: error });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new SmError("STATE_CORRUPT", `${path}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
