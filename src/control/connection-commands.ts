import { z } from "zod";
import { connectionPatchSchema, connectOptionsSchema, guardSettingSchema, mappingSchema } from "../model/connection-spec.js";
import { defineCommand, quick, WAIT_GRACE_MS } from "./command.js";
import { connectionIdSchema, emptySchema, repsetNameSchema, siteNameSchema } from "./input-schemas.js";
import { connectionReportSchema } from "./report-schemas.js";

/** Connecting checks loops, paths and the peer over the network. */
const CONNECT_MS = 120_000;
const SYNC_MS_MAX = 24 * 3_600_000;

const byId = z.strictObject({ id: connectionIdSchema });
const oneConnection = z.object({ connection: connectionReportSchema });

const mapSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("pairs"), pairs: z.array(mappingSchema).min(1).max(256) }),
  z.strictObject({ kind: z.literal("exact") }),
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({ kind: z.literal("base"), directory: z.string().startsWith("/").max(4095) }),
]);

export const CONNECTION_COMMANDS = [
  defineCommand({
    name: "connection.connect",
    role: "admin",
    summary: "Connects a replication set to a place on a target, mirrors it and replicates from then on.",
    input: z.strictObject({ repset: repsetNameSchema, target: siteNameSchema, map: mapSchema, options: connectOptionsSchema.prefault({}) }),
    output: oneConnection,
    deadlineMs: () => CONNECT_MS,
    handler: async (agent, input) => ({ connection: await agent.connections.connect(input) }),
  }),
  defineCommand({
    name: "connection.disconnect",
    role: "admin",
    summary: "Ends a connection for good, and tells the target to forget it. The copy on the target stays.",
    input: byId,
    output: z.object({ disconnected: z.number(), isTargetTold: z.boolean() }),
    deadlineMs: () => CONNECT_MS,
    handler: async (agent, input) => ({ disconnected: input.id, ...(await agent.connections.disconnect(input.id)) }),
  }),
  defineCommand({
    name: "connection.list",
    role: "monitor",
    summary: "All connections of this source.",
    input: emptySchema,
    output: z.object({ connections: z.array(connectionReportSchema).readonly() }),
    deadlineMs: quick,
    handler: async (agent) => ({ connections: await agent.connections.list() }),
  }),
  defineCommand({
    name: "connection.show",
    role: "monitor",
    summary: "One connection with its counters, reasons and problems.",
    input: byId,
    output: oneConnection,
    deadlineMs: quick,
    handler: async (agent, input) => ({ connection: await agent.connections.show(input.id) }),
  }),
  defineCommand({
    name: "connection.set",
    role: "admin",
    summary: "Changes options of a running connection, at once and for good; those that are not named stay as they are.",
    input: z.strictObject({ id: connectionIdSchema, options: connectionPatchSchema }),
    output: oneConnection,
    deadlineMs: quick,
    handler: async (agent, input) => ({ connection: await agent.connections.setOptions(input.id, input.options) }),
  }),
  defineCommand({
    name: "connection.approve",
    role: "admin",
    summary: "Sends what a connection holds back because its source lost or overwrote many files at once.",
    input: byId,
    output: oneConnection,
    deadlineMs: quick,
    handler: async (agent, input) => ({ connection: await agent.connections.approve(input.id) }),
  }),
  defineCommand({
    name: "connection.reject",
    role: "admin",
    summary: "Never sends what a connection holds back: the target stays as it is, until a mirror is started.",
    input: byId,
    output: oneConnection,
    deadlineMs: quick,
    handler: async (agent, input) => ({ connection: await agent.connections.reject(input.id) }),
  }),
  defineCommand({
    name: "connection.guard",
    role: "admin",
    summary: "Sets the percentages of files that the source may lose, and overwrite, at once before the connection holds; what is not named stays.",
    input: z
      .strictObject({ id: connectionIdSchema, guard: guardSettingSchema.exactOptional(), guardChanged: guardSettingSchema.exactOptional() })
      .refine(({ guard, guardChanged }) => guard !== undefined || guardChanged !== undefined, "names no limit"),
    output: oneConnection,
    deadlineMs: quick,
    handler: async (agent, { id, ...guards }) => ({ connection: await agent.connections.setGuard(id, guards) }),
  }),
  defineCommand({
    name: "connection.sync",
    isWait: true,
    role: "admin",
    summary:
      "Answers when all that was on the source at the call is on the target; TIMEOUT otherwise, and with endsWhenStuck DONE_WITH_PROBLEMS when it waits for a person.",
    input: z.strictObject({
      id: connectionIdSchema,
      timeoutMs: z.number().int().min(0).max(SYNC_MS_MAX).default(60_000),
      /** Do not wait for a connection that is halted, held or stopped until a person does something. */
      endsWhenStuck: z.boolean().default(false),
    }),
    output: oneConnection,
    deadlineMs: (input) => input.timeoutMs + WAIT_GRACE_MS,
    handler: async (agent, input) => ({ connection: await agent.connections.sync(input.id, input.timeoutMs, input.endsWhenStuck) }),
  }),
] as const;
