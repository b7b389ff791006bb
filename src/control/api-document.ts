// The OpenAPI 3.1 document of the control API, made from the command table: what a client may send, what it gets, and who may.

import { z } from "zod";
import { ERRORS, type ErrorCode } from "../base/errors.js";
import type { AnyCommand } from "./command.js";
import { jobReportSchema } from "./job-schemas.js";
import {
  connectionReportSchema,
  mirrorReportSchema,
  peerReportSchema,
  problemSchema,
  reasonSchema,
  repsetSavedSchema,
  repsetSchema,
  statusReportSchema,
  targetConnectionSchema,
} from "./report-schemas.js";

type Json = Readonly<Record<string, unknown>>;

const TITLE = "sm control API";
const DESCRIPTION = [
  "Every command of the agent as one operation, called by POST with a JSON body; those that only read also by GET with a query.",
  "On the Unix sockets of the agent's machine the socket is the role. From other machines, over TLS 1.3 on the port that peers use,",
  "a token or a client certificate names a user, and the user has a role. `x-sm-role` of an operation is the least that it takes.",
].join(" ");

/** The refusals that any operation may answer, by status. */
const COMMON_REFUSALS = [
  "USAGE",
  "LOGIN_FAILED",
  "REFUSED",
  "NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "ALREADY_EXISTS",
  "REQUEST_TIMEOUT",
  "REQUEST_TOO_LARGE",
  "LOGIN_LOCKED",
  "INTERNAL",
  "API_BUSY",
  "TIMEOUT",
] as const satisfies readonly ErrorCode[];

type Table = readonly AnyCommand[];

/** Made once: it takes a tenth of a second, and whoever has a login may ask for it. */
const MADE = new WeakMap<Table, { readonly version: string; readonly document: Record<string, unknown> }>();

export function apiDocument(commands: Table, version: string): Record<string, unknown> {
  const made = MADE.get(commands);
  if (made?.version === version) return made.document;
  const document = makeDocument(commands, version);
  MADE.set(commands, { version, document });
  return document;
}

function makeDocument(commands: Table, version: string): Record<string, unknown> {
  const schemas = new Schemas();
  const paths: Record<string, unknown> = {};
  for (const command of commands) paths[`/api/v1/${command.name.replaceAll(".", "/")}`] = pathItem(command, schemas);
  const status = commands.find(({ name }) => name === "status");
  if (status !== undefined) paths["/api/v1/events"] = { get: eventStream(status, schemas) };
  const itself = commands.find(({ name }) => name === "api.document");
  if (itself !== undefined) paths["/api/v1/openapi.json"] = { get: { ...operation(itself, schemas), operationId: "openapi" } };
  return {
    openapi: "3.1.0",
    info: { title: TITLE, version, description: DESCRIPTION, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "https://{host}:{port}", variables: { host: { default: "localhost" }, port: { default: "1500" } } }],
    security: [{ token: [] }, { certificate: [] }, {}],
    tags: [...new Set(commands.map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.components,
      responses: Object.fromEntries(COMMON_REFUSALS.map((code) => [code, refusal(code)])),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "A token of `sm user create`." },
        certificate: { type: "mutualTLS", description: "A client certificate that belongs to a user." },
      },
    },
  };
}

function pathItem(command: AnyCommand, schemas: Schemas): Json {
  const input = schemas.of(command.input, "input");
  const common = operation(command, schemas);
  const post = {
    ...common,
    operationId: command.name,
    requestBody: { required: (input.required as unknown[] | undefined) !== undefined, content: { "application/json": { schema: input } } },
  };
  if (command.role === "admin") return { post };
  return { get: { ...common, operationId: `${command.name}.get`, parameters: parametersOf(input) }, post };
}

function operation(command: AnyCommand, schemas: Schemas): Json {
  return {
    tags: [tagOf(command)],
    summary: command.summary,
    "x-sm-role": command.role,
    ...(command.isWait ? { "x-sm-waits": true } : {}),
    responses: { 200: { description: "Done.", content: { "application/json": { schema: schemas.of(command.output, "output") } } }, ...refusals() },
  };
}

function eventStream(status: AnyCommand, schemas: Schemas): Json {
  const description = "Each event has the whole report as its data, an id to go on behind with the header Last-Event-ID, and the type `status`.";
  return {
    tags: [tagOf(status)],
    operationId: "events",
    summary: "The status report each time it changed, as server-sent events; without `Accept: text/event-stream`, `status.wait`.",
    "x-sm-role": "monitor",
    parameters: [
      { name: "Accept", in: "header", schema: { type: "string" }, description: "text/event-stream, for the stream" },
      { name: "Last-Event-ID", in: "header", schema: { type: "string" }, description: "the id of the last event that came" },
      { name: "since", in: "query", schema: { type: "integer", minimum: 0 }, description: "of the long poll: the index that is known" },
      { name: "timeoutMs", in: "query", schema: { type: "integer", minimum: 0 }, description: "of the long poll: how long it waits" },
    ],
    responses: {
      200: {
        description,
        content: { "text/event-stream": { schema: { type: "string" } }, "application/json": { schema: schemas.of(status.output, "output") } },
      },
      ...refusals(),
    },
  };
}

function refusals(): Json {
  return {
    ...Object.fromEntries(COMMON_REFUSALS.map((code) => [ERRORS[code].httpStatus, { $ref: `#/components/responses/${code}` }])),
    default: { description: "Not done.", content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } } },
  };
}

function refusal(code: ErrorCode): Json {
  const example = { error: { code, message: "what was refused, and why", hint: ERRORS[code].hint, data: {} } };
  const wait = { "Retry-After": { description: "seconds", schema: { type: "integer" } } };
  return {
    description: ERRORS[code].hint,
    ...(code === "LOGIN_LOCKED" || code === "API_BUSY" ? { headers: wait } : {}),
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" }, example } },
  };
}

function errorSchema(): Json {
  const text = { type: "string" };
  const properties = {
    code: { type: "string", description: "stable; docs/errors.md has all of them", examples: Object.keys(ERRORS) },
    message: { ...text, description: "names the object and the reason" },
    hint: { ...text, description: "the remedy" },
    data: { type: "object", additionalProperties: true, description: "`fields` of an input that is refused: path and message of each" },
  };
  const error = { type: "object", required: ["code", "message", "hint", "data"], properties };
  return { type: "object", required: ["error"], properties: { error } };
}

/** Only what one text can say: whoever has more to say uses POST. */
function parametersOf(input: Json): Json[] {
  const required = new Set(input.required as readonly string[] | undefined);
  return Object.entries((input.properties ?? {}) as Readonly<Record<string, Json>>)
    .filter(([, schema]) => schema.type !== "object" && schema.type !== "array")
    .map(([name, schema]) => ({ name, in: "query", required: required.has(name), schema }));
}

function tagOf({ name }: AnyCommand): string {
  return name.split(".")[0] ?? name;
}

/** Reports that several commands answer with are told once; clients that are generated have one type for each. */
const NAMED = z.registry<{ readonly id: string }>();
const named: Readonly<Record<string, z.ZodType>> = {
  StatusReport: statusReportSchema,
  ConnectionReport: connectionReportSchema,
  TargetConnectionReport: targetConnectionSchema,
  MirrorReport: mirrorReportSchema,
  JobReport: jobReportSchema,
  Repset: repsetSchema,
  RepsetSaved: repsetSavedSchema,
  PeerReport: peerReportSchema,
  Problem: problemSchema,
  Reason: reasonSchema,
};
for (const [id, schema] of Object.entries(named)) NAMED.add(schema, { id });

/** Answers may have more fields in a later version: a client that refuses them would break. */
function leaveOpen({ jsonSchema }: { readonly jsonSchema: { additionalProperties?: unknown } }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
}

/** Schemas of one document: what has a name is collected in `components`. */
class Schemas {
  readonly components: Record<string, unknown> = { Error: errorSchema() };

  of(schema: z.ZodType, io: "input" | "output"): Json {
    // As a member, so that a schema that has a name is referred to even where it is the whole answer.
    const { $defs = {}, items } = this.#placed(z.toJSONSchema(z.array(schema), { io, metadata: NAMED, ...(io === "output" ? { override: leaveOpen } : {}) }));
    Object.assign(this.components, $defs);
    return items as Json;
  }

  #placed(schema: unknown): Json {
    return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/$defs/', '"$ref":"#/components/schemas/'));
  }
}
