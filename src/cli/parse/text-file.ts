// Text of a person's: a file, or standard input. Bounded, and UTF-8 or refused.

import { open } from "node:fs/promises";
import { SmError, toSmError } from "../../base/errors.js";
import { MiB } from "../../base/units.js";

const TEXT_BYTES_MAX = 4 * MiB;

/** `what`: how the text is called in a message, such as "the script"; `-` is standard input. Rejects with USAGE. */
export async function readTextFile(file: string, what = "the file"): Promise<string> {
  if (file === "-") return decode(await collect(process.stdin, what), "standard input");
  try {
    const handle = await open(file);
    try {
      return decode(await collect(handle.createReadStream({ autoClose: false }), what), file);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw toSmError(error, "USAGE", `${what} cannot be read`);
  }
}

async function collect(stream: AsyncIterable<Buffer | string>, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes > TEXT_BYTES_MAX) throw new SmError("USAGE", `${what} is larger than ${TEXT_BYTES_MAX} bytes: divide it into several`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}

function decode(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new SmError("USAGE", `${name} is no text in UTF-8`, { cause: error });
  }
}
