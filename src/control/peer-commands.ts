import { z } from "zod";
import { defineCommand, quick } from "./command.js";
import { emptySchema, siteNameSchema } from "./input-schemas.js";
import { identityReportSchema, keyRotationSchema, peerReportSchema } from "./report-schemas.js";

/** Redeeming a token tries each address of the peer over the network. */
const IMPORT_MS = 120_000;
const TTL_SECONDS_MAX = 30 * 86_400;
/** Each peer is dialled, and given ten seconds; many of them at once. */
const ROTATE_MS = 300_000;
const OVERLAP_SECONDS_MAX = 90 * 86_400;

const addressSchema = z.strictObject({ host: z.string().min(1).max(255), port: z.number().int().min(1).max(65_535) });

export const PEER_COMMANDS = [
  defineCommand({
    name: "peer.list",
    role: "monitor",
    summary: "The agents this one is paired with, and the certificate that it shows them.",
    input: emptySchema,
    output: z.object({ peers: z.array(peerReportSchema).readonly(), identity: identityReportSchema }),
    deadlineMs: quick,
    handler: async (agent) => ({ peers: await agent.peers.list(), identity: agent.peers.identity() }),
  }),
  defineCommand({
    name: "peer.remove",
    role: "admin",
    summary: "Revokes a peer: its channels are closed at once and it is refused from now on.",
    input: z.strictObject({ name: siteNameSchema }),
    output: z.object({ removed: z.string(), closedChannels: z.number() }),
    deadlineMs: quick,
    handler: async (agent, input) => ({ removed: input.name, ...(await agent.peers.remove(input.name)) }),
  }),
  defineCommand({
    name: "peer.rotate",
    role: "admin",
    summary: "Gives this agent a new key: peers are told and confirm it, then the old key is removed. Goes on with what was begun.",
    input: z.strictObject({ force: z.boolean().default(false), overlapSeconds: z.number().int().min(60).max(OVERLAP_SECONDS_MAX).optional() }),
    output: z.object({
      fingerprint: z.string(),
      former: z.string(),
      rotation: keyRotationSchema.nullable(),
      pairAnew: z.array(z.string()).readonly(),
    }),
    deadlineMs: () => ROTATE_MS,
    handler: (agent, { force, overlapSeconds }) => agent.peers.rotate({ isForced: force, overlapSeconds }),
  }),
  defineCommand({
    name: "peer.bootstrap.create",
    role: "admin",
    summary: "Makes a single-use token with which another agent pairs with this one.",
    input: z.strictObject({
      siteName: siteNameSchema.optional(),
      addresses: z.array(addressSchema).max(16).default([]),
      ttlSeconds: z.number().int().min(1).max(TTL_SECONDS_MAX).default(3600),
    }),
    output: z.object({ token: z.string(), expiresAt: z.string() }),
    deadlineMs: quick,
    handler: (agent, input) => agent.peers.bootstrapCreate({ siteName: input.siteName, addresses: input.addresses, ttlSeconds: input.ttlSeconds }),
  }),
  defineCommand({
    name: "peer.bootstrap.import",
    role: "admin",
    summary: "Redeems a token made on the peer, pins both ways, and proves the link by a round trip.",
    input: z.strictObject({ token: z.string().min(1).max(65_536), siteName: siteNameSchema.optional() }),
    secrets: ["token"],
    output: z.object({ peer: peerReportSchema, roundTripMs: z.number() }),
    deadlineMs: () => IMPORT_MS,
    handler: (agent, input) => agent.peers.bootstrapImport({ token: input.token, siteName: input.siteName }),
  }),
] as const;
