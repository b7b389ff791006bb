// One HTTP request to the control API, parsed at the border: which command, which input.

import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { SmError } from "../base/errors.js";
import { MiB } from "../base/units.js";
import type { AnyCommand } from "./command.js";
import { lookUpCommand } from "./dispatcher.js";

export const BODY_BYTES_MAX = MiB;
/** A client that sends too much is heard out up to here, so that it reads the refusal instead of a broken pipe. */
const DISCARDED_BYTES_MAX = 64 * MiB;
const PREFIX = "/api/v1/";

export interface ApiRequest {
  readonly name: string;
  readonly input: unknown;
}

/** POST with a JSON body for every command; GET with a query for those that only read. */
export async function parseRequest(request: IncomingMessage, bodyTimeoutMs: number): Promise<ApiRequest> {
  const url = parseUrl(request.url ?? "");
  const name = commandName(url.pathname);
  const command = lookUpCommand(name);
  switch (request.method) {
    case "POST":
      return { name, input: parseJson(await readBody(request, bodyTimeoutMs)) };
    case "GET":
      if (command.role === "admin") throw new SmError("METHOD_NOT_ALLOWED", `${name} changes something: GET is not for it`);
      return { name, input: inputFromQuery(command, url.searchParams) };
    default:
      throw new SmError("METHOD_NOT_ALLOWED", `the control API takes POST and GET, not ${request.method}`);
  }
}

function parseUrl(target: string): URL {
  if (!target.startsWith("/") || !URL.canParse(target, "http://sm")) throw new SmError("USAGE", "the request names no path of the control API");
  return new URL(target, "http://sm");
}

function commandName(pathname: string): string {
  if (!pathname.startsWith(PREFIX)) throw new SmError("COMMAND_UNKNOWN", `the control API lives below ${PREFIX}`);
  const name = pathname.slice(PREFIX.length).replaceAll("/", ".");
  return name === "events" ? "status.wait" : name;
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
function inputFromQuery(command: AnyCommand, query: URLSearchParams): Record<string, unknown> {
  const fields = command.input instanceof z.ZodObject ? command.input.shape : {};
  const input: Record<string, unknown> = Object.create(null);
  for (const [key, text] of query) input[key] = wantsNumber(fields[key]) && /^-?\d{1,15}$/.test(text) ? Number(text) : text;
  return { ...input };
}

function wantsNumber(field: unknown): boolean {
  if (field instanceof z.ZodOptional || field instanceof z.ZodDefault) return wantsNumber(field.unwrap());
  return field instanceof z.ZodNumber;
}
