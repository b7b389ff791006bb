import { z } from "zod";
import { contradictionIn } from "../model/mirror-wish.js";
import { orphanOptionsSchema } from "../model/orphans.js";
import { defineCommand, quick, WAIT_GRACE_MS } from "./command.js";
import { connectionIdSchema, pollTimeoutSchema, rulePathSchema } from "./input-schemas.js";
import { mirrorReportSchema } from "./report-schemas.js";

/** What a person may ask of a mirror, as input. */
export const mirrorWishInput = {
  id: connectionIdSchema,
  mode: z.enum(["full", "difference"]).default("difference"),
  content: z.enum(["times", "checksum", "checksum-all"]).default("times"),
  newerOnly: z.boolean().default(false),
  missingOnly: z.boolean().exactOptional(),
  skipsEmpty: z.boolean().exactOptional(),
  paths: z.array(rulePathSchema).min(1).max(1000).exactOptional(),
};

const ownInput = { isSized: z.boolean().exactOptional(), orphans: orphanOptionsSchema.nullable().default(null) };
const startInput = z.strictObject({ ...mirrorWishInput, ...ownInput }).superRefine((input, context) => {
  const message = contradictionIn(input);
  if (message !== null) context.addIssue({ code: "custom", message });
});

const oneMirror = z.object({ mirror: mirrorReportSchema });

export const MIRROR_COMMANDS = [
  defineCommand({
    name: "mirror.start",
    role: "admin",
    summary: "Starts a mirror of a connection and answers with its first report.",
    input: startInput,
    output: oneMirror,
    deadlineMs: quick,
    handler: async (agent, { id, ...wish }) => ({ mirror: await agent.connections.startMirror(id, wish) }),
  }),
  defineCommand({
    name: "mirror.stop",
    role: "admin",
    summary: "Stops the mirror of a connection; replication goes on.",
    input: z.strictObject({ id: connectionIdSchema }),
    output: oneMirror,
    deadlineMs: quick,
    handler: async (agent, input) => ({ mirror: await agent.connections.stopMirror(input.id) }),
  }),
  defineCommand({
    name: "mirror.pause",
    role: "admin",
    summary: "Pauses the mirror of a connection, also over restarts; replication goes on.",
    input: z.strictObject({ id: connectionIdSchema }),
    output: oneMirror,
    deadlineMs: quick,
    handler: async (agent, input) => ({ mirror: await agent.connections.pauseMirror(input.id, true) }),
  }),
  defineCommand({
    name: "mirror.resume",
    role: "admin",
    summary: "Goes on with a paused mirror where it was.",
    input: z.strictObject({ id: connectionIdSchema }),
    output: oneMirror,
    deadlineMs: quick,
    handler: async (agent, input) => ({ mirror: await agent.connections.pauseMirror(input.id, false) }),
  }),
  defineCommand({
    name: "mirror.wait",
    isWait: true,
    role: "monitor",
    summary: "The report of mirror `mirrorId` when it has ended, or after `timeoutMs` the one of then.",
    input: z.strictObject({ id: connectionIdSchema, mirrorId: z.number().int().nonnegative(), timeoutMs: pollTimeoutSchema }),
    output: oneMirror,
    deadlineMs: (input) => input.timeoutMs + WAIT_GRACE_MS,
    handler: async (agent, input) => ({ mirror: await agent.connections.waitMirror(input.id, input.mirrorId, input.timeoutMs) }),
  }),
] as const;
