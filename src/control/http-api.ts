// The control API as routes, made from the command table: the same for the Unix sockets and for the listener of the network, and made once.
// Invariants: nothing is read of a body, and no command is looked up, before the login; every answer is JSON; what only reads is
// answered to those alone who may still read when the answer is there.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { assert } from "../base/assert.js";
import { SmError, toSmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import type { AgentControl } from "../model/control-port.js";
import type { AnyCommand } from "./command.js";
import { COMMANDS } from "./command-table.js";
import { dispatch, lookUpCommand } from "./dispatcher.js";
import { jsonText, refusalOf } from "./http-answer.js";
import { type EventStreams, wantsEventStream } from "./http-events.js";
import { inputFromQuery, pathOf, readJson } from "./http-request.js";
import { type Login, requireCurrent, type WaitingRequests } from "./login.js";

export const API_PREFIX = "/api/v1/";

/** Paths that clients look for, and the commands behind them. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  [`${API_PREFIX}events`, "status.wait"],
  [`${API_PREFIX}openapi.json`, "api.document"],
]);

export interface ApiOptions {
  readonly agent: AgentControl;
  readonly log: Log;
  readonly bodyTimeoutMs: number;
  /** Who asks; throws when nobody may know. */
  login(request: IncomingMessage): Login;
  /** True: a body has to be announced as JSON, which no page of another site can make a browser do with its user's certificate. */
  readonly needsJsonType: boolean;
  readonly waiting: WaitingRequests;
  readonly streams: EventStreams;
}

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

type OptionsOf = (request: IncomingMessage) => ApiOptions;

let routes: Promise<RequestHandler> | undefined;
/** Of what the routes have in hand. */
const taken = new WeakMap<IncomingMessage, ApiOptions>();

/** Answers what comes in by one door. */
export async function apiHandler(options: ApiOptions): Promise<RequestHandler> {
  routes ??= buildApi(takenAt).then((app) => (request, response) => app.routing(request, response));
  const handle = await routes;
  return (request, response) => {
    taken.set(request, options);
    handle(request, response);
  };
}

function takenAt(request: IncomingMessage): ApiOptions {
  const options = taken.get(request);
  assert(options !== undefined, "a request comes in by a door");
  return options;
}

export async function buildApi(optionsOf: OptionsOf): Promise<FastifyInstance> {
  const app = fastify({
    // Never listens: who does is the caller's business.
    serverFactory: () => createServer(),
    frameworkErrors: (error, request, reply) => refuse(optionsOf, loginError(optionsOf, request) ?? error, request, reply),
    exposeHeadRoutes: false,
    return503OnClosing: false,
    logger: false,
    // Commands have schemas of their own: no compiler of the framework's is loaded.
    schemaController: { compilersFactory: { buildValidator: unneeded, buildSerializer: unneeded } },
  });
  // Bodies are read by the handlers, behind the login, with bounds that answer.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.setErrorHandler((error: FastifyError, request, reply) => refuse(optionsOf, error, request, reply));
  app.setNotFoundHandler((request) => {
    optionsOf(request.raw).login(request.raw);
    throw notFound(request.raw);
  });
  for (const command of COMMANDS) addRoutes(app, optionsOf, command, routePath(command.name));
  for (const [path, name] of ALIASES) addRoutes(app, optionsOf, lookUpCommand(name), path);
  await app.ready();
  return app;
}

function unneeded(): never {
  assert(false, "no route has a schema of the framework");
}

export function routePath(name: string): string {
  return `${API_PREFIX}${name.replaceAll(".", "/")}`;
}

function addRoutes(app: FastifyInstance, optionsOf: OptionsOf, command: AnyCommand, url: string): void {
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const options = optionsOf(request.raw);
    const login = options.login(request.raw);
    // The framework decodes: a name is to be written in one way only.
    if (pathOf(request.raw) !== url) throw notFound(request.raw);
    if (request.method === "GET" && command.name === "status.wait" && ALIASES.has(url) && wantsEventStream(request.raw)) {
      options.streams.open(login, request.raw, reply.raw);
      return reply.hijack();
    }
    const input = request.method === "GET" ? inputFromQuery(command, request.raw) : await bodyOf(request.raw, options);
    return reply
      .header("content-type", "application/json")
      .header("cache-control", "no-store")
      .send(jsonText(await carryOut(command, input, login, options)));
  };
  app.route({ method: command.role === "admin" ? ["POST"] : ["GET", "POST"], url, handler: answer });
}

async function carryOut(command: AnyCommand, input: unknown, login: Login, options: ApiOptions): Promise<unknown> {
  const { agent, log, waiting } = options;
  requireCurrent(login);
  const work = () => dispatch(agent, { caller: login.caller, name: command.name, input }, log);
  const result = await (command.isWait ? waiting.wait(login, work) : work());
  // What was changed is told to who changed it, be it their own token.
  if (command.role !== "admin") requireCurrent(login);
  return result;
}

function bodyOf(request: IncomingMessage, { needsJsonType, bodyTimeoutMs }: ApiOptions): Promise<unknown> {
  const hasBody = request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  if (needsJsonType && !/^application\/json *(;|$)/i.test(request.headers["content-type"] ?? "")) {
    throw new SmError("USAGE", `a request by POST has the header content-type: application/json${hasBody ? "" : ", also without a body"}`);
  }
  return readJson(request, bodyTimeoutMs);
}

function notFound(request: IncomingMessage): SmError {
  const path = pathOf(request);
  if (!path.startsWith(API_PREFIX)) return new SmError("COMMAND_UNKNOWN", `the control API lives below ${API_PREFIX}`);
  const name = commandName(path);
  const command = lookUpCommand(name);
  if (path !== routePath(name) && !ALIASES.has(path)) return new SmError("COMMAND_UNKNOWN", `there is no path ${JSON.stringify(path)}: try ${routePath(name)}`);
  const allow = command.role === "admin" ? "POST" : "GET, POST";
  const message =
    request.method === "GET" ? `${command.name} changes something: GET is not for it` : `the control API takes POST and GET, not ${request.method}`;
  return new SmError("METHOD_NOT_ALLOWED", message, { data: { allow } });
}

function commandName(path: string): string {
  return ALIASES.get(path) ?? path.slice(API_PREFIX.length).replaceAll("/", ".");
}

function loginError(optionsOf: OptionsOf, request: FastifyRequest): SmError | undefined {
  try {
    optionsOf(request.raw).login(request.raw);
    return undefined;
  } catch (error) {
    return toSmError(error);
  }
}

/** Whatever went wrong becomes an answer. */
function refuse(optionsOf: OptionsOf, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = isOfFramework(thrown) ? new SmError("USAGE", `the request cannot be read: ${thrown.message}`, { cause: thrown }) : toSmError(thrown);
  if (error.entry.disposition === "bug") optionsOf(request.raw).log.error("control request failed", { path: pathOf(request.raw), error: error.stack });
  const { status, headers, body } = refusalOf(error);
  // What remains of a body that was not read would be taken for the next request.
  if (!request.raw.complete) reply.header("connection", "close");
  void reply.code(status).headers(headers).header("content-type", "application/json").header("cache-control", "no-store").send(jsonText(body));
}

function isOfFramework(thrown: unknown): thrown is FastifyError {
  const { code, statusCode = 500 } = thrown as Partial<FastifyError>;
  return typeof code === "string" && code.startsWith("FST_") && statusCode < 500;
}
