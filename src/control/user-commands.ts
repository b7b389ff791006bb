import { z } from "zod";
import { ROLES } from "./caller.js";
import { defineCommand, quick } from "./command.js";
import { emptySchema } from "./input-schemas.js";

const userNameSchema = z.string().min(1).max(64);
const fingerprintSchema = z.string().regex(/^[0-9a-f]{64}$/, "a fingerprint is the sha256 of a certificate: 64 hexadecimal digits in lower case");

const timeSchema = z.iso.datetime();

const userReportSchema = z.object({
  name: z.string(),
  role: z.enum(ROLES),
  fingerprint: z.string().nullable(),
  createdAt: z.string(),
  tokenAt: z.string(),
  tokenUntil: z.string().nullable(),
});
const userTokenSchema = z.object({ user: userReportSchema, token: z.string(), serverFingerprint: z.string() });

export const USER_COMMANDS = [
  defineCommand({
    name: "user.list",
    role: "admin",
    summary: "The users that may log in from other machines.",
    input: emptySchema,
    output: z.object({ users: z.array(userReportSchema).readonly() }),
    deadlineMs: quick,
    handler: async (agent) => ({ users: await agent.users.list() }),
  }),
  defineCommand({
    name: "user.create",
    role: "admin",
    summary: "Makes a user of the API; the token is in this answer, and nowhere else.",
    input: z.strictObject({ name: userNameSchema, role: z.enum(ROLES), fingerprint: fingerprintSchema.optional(), expiresAt: timeSchema.optional() }),
    output: userTokenSchema,
    deadlineMs: quick,
    handler: (agent, { name, role, fingerprint = null, expiresAt = null }) => agent.users.create({ name, role, fingerprint, tokenUntil: expiresAt }),
  }),
  defineCommand({
    name: "user.token",
    role: "admin",
    summary: "Makes a new token for a user; the one before is over at once. It is good as long as that was meant to be, or until `expiresAt`.",
    input: z.strictObject({ name: userNameSchema, expiresAt: z.union([timeSchema, z.literal("never")]).optional() }),
    output: userTokenSchema,
    deadlineMs: quick,
    handler: (agent, { name, expiresAt = "as before" }) => agent.users.renewToken(name, expiresAt),
  }),
  defineCommand({
    name: "user.role",
    role: "admin",
    summary: "Gives a user another role, at once.",
    input: z.strictObject({ name: userNameSchema, role: z.enum(ROLES) }),
    output: z.object({ user: userReportSchema }),
    deadlineMs: quick,
    handler: async (agent, { name, role }) => ({ user: await agent.users.setRole(name, role) }),
  }),
  defineCommand({
    name: "user.remove",
    role: "admin",
    summary: "Removes a user: token and certificate are refused from now on, what is open is closed.",
    input: z.strictObject({ name: userNameSchema }),
    output: z.object({ removed: z.string() }),
    deadlineMs: quick,
    handler: async (agent, { name }) => {
      await agent.users.remove(name);
      return { removed: name };
    },
  }),
] as const;
