// A state file that only this account may read: JSON of one shape, replaced as a whole.

import { z } from "zod";
import { SmError } from "../base/errors.js";
import { readSecretFile, replaceSecretFile } from "./secret-file.js";

export class SecretState<T> {
  readonly path: string;
  readonly #schema: z.ZodType<T>;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, schema: z.ZodType<T>) {
    this.path = path;
    this.#schema = schema;
  }

  /** What the file holds, undefined when there is none; STATE_CORRUPT when it has another shape. */
  async read(): Promise<T | undefined> {
    const text = await readSecretFile(this.path);
    if (text === undefined) return undefined;
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch (error) {
      throw new SmError("STATE_CORRUPT", `${this.path} is not valid JSON`, { cause: error });
    }
    const parsed = this.#schema.safeParse(data);
    if (!parsed.success) throw new SmError("STATE_CORRUPT", `${this.path}: ${z.prettifyError(parsed.error)}`);
    return parsed.data;
  }

  /** One write at a time, each with the value of then, so that the last write holds the last state. */
  write(valueOfThen: () => T): Promise<void> {
    const replace = (): Promise<void> => replaceSecretFile(this.path, `${JSON.stringify(valueOfThen(), null, 2)}\n`);
    const done = this.#writing.then(replace, replace);
    this.#writing = done;
    return done;
  }
}
