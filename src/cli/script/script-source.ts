// Where the text of a script comes from: a file, or standard input. Bounded, and UTF-8 or refused.

import { open } from "node:fs/promises";
import { SmError, toSmError } from "../../base/errors.js";
import { MiB } from "../../base/units.js";

const SCRIPT_BYTES_MAX = 4 * MiB;

export async function readScript(file: string): Promise<string> {
  if (file === "-") return decode(await collect(process.stdin), "standard input");
  try {
    const handle = await open(file);
    try {
      return decode(await collect(handle.createReadStream({ autoClose: false })), file);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw toSmError(error, "USAGE", `the script cannot be read`);
  }
}

async function collect(stream: AsyncIterable<Buffer | string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes > SCRIPT_BYTES_MAX) throw new SmError("USAGE", `the script is larger than ${SCRIPT_BYTES_MAX} bytes: divide it into several`);
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
