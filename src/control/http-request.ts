// One HTTP request to the control API, parsed at the border: the body or the query as the input of a command.

import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { MiB } from "../base/units.js";
import type { AnyCommand } from "./command.js";

export const BODY_BYTES_MAX = MiB;
/** A client that sends too much is heard out up to here, so that it reads the refusal instead of a broken pipe. */
const DISCARDED_BYTES_MAX = 64 * MiB;

/** The path as it was sent, without its query: nothing is decoded, so that a name is written in one way only. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? "").split("?", 1)[0] ?? "";
}

export async function readJson(request: IncomingMessage, timeoutMs: number): Promise<unknown> {
  return parseJson(await readBody(request, timeoutMs));
}

export function readBody(request: IncomingMessage, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const fail = (error: SmError): void => {
      clearTimeout(timer);
      request.pause();
      reject(error);
    };
    const timer = setTimeout(() => fail(new SmError("REQUEST_TIMEOUT", `the request body did not arrive within ${timeoutMs} ms`)), timeoutMs);
    const tooLarge = (): SmError => new SmError("REQUEST_TOO_LARGE", `the request body is above ${BODY_BYTES_MAX} bytes`);
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
      else if (bytes > DISCARDED_BYTES_MAX) fail(tooLarge());
    });
    request.on("end", () => {
      if (bytes > BODY_BYTES_MAX) return fail(tooLarge());
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
    request.on("error", (error) => fail(new SmError("USAGE", `the request broke off: ${error.message}`, { cause: error })));
    request.on("close", () => fail(new SmError("USAGE", "the request broke off before its body was whole")));
  });
}

function parseJson(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SmError("USAGE", `the request body is no JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** A query knows only text: fields that the schema wants as numbers are read as such; the schema then judges all. */
export function inputFromQuery(command: AnyCommand, request: IncomingMessage): Record<string, unknown> {
  const query = new URLSearchParams((request.url ?? "").slice(pathOf(request).length));
  const fields = command.input instanceof z.ZodObject ? command.input.shape : {};
  const input: Record<string, unknown> = Object.create(null);
  for (const [key, text] of query) input[key] = wantsNumber(fields[key]) && /^-?\d{1,15}$/.test(text) ? Number(text) : text;
  return { ...input };
}

function wantsNumber(field: unknown): boolean {
  if (field instanceof z.ZodOptional || field instanceof z.ZodDefault) return wantsNumber(field.unwrap());
  return field instanceof z.ZodNumber;
}
