import { z } from "zod";
import { configExportSchema, reloadReportSchema, settingReportSchema } from "../model/config-control.js";
import { defineCommand, quick } from "./command.js";
import { emptySchema } from "./input-schemas.js";

/** Connections are made and ended one after the other, and each may have to tell its target. */
const RELOAD_MS = 600_000;

const keySchema = z.string().min(1).max(100);
/** Text is read as in an environment variable. */
const valueSchema = z.union([z.string().max(65_536), z.number(), z.boolean(), z.null(), z.array(z.string().max(4096)).max(1024)]);
const oneReload = z.object({ reload: reloadReportSchema });

export const CONFIG_COMMANDS = [
  defineCommand({
    name: "config.get",
    role: "monitor",
    summary: "Fields of the configuration: what is in force, the default, where the value comes from, and whether a change takes a restart.",
    input: z.strictObject({ key: keySchema.optional() }),
    output: z.object({ settings: z.array(settingReportSchema).readonly() }),
    deadlineMs: quick,
    handler: async (agent, { key }) => ({ settings: await agent.config.get(key ?? null) }),
  }),
  defineCommand({
    name: "config.set",
    role: "admin",
    summary: "Sets a field in sm.yaml, whose comments stay, and loads it; nothing is written when the whole would be wrong.",
    input: z.strictObject({ key: keySchema, value: valueSchema }),
    output: oneReload,
    deadlineMs: () => RELOAD_MS,
    handler: async (agent, { key, value }) => ({ reload: await agent.config.set(key, value) }),
  }),
  defineCommand({
    name: "config.unset",
    role: "admin",
    summary: "Takes a field out of sm.yaml and loads that: its default is in force again.",
    input: z.strictObject({ key: keySchema }),
    output: oneReload,
    deadlineMs: () => RELOAD_MS,
    handler: async (agent, { key }) => ({ reload: await agent.config.unset(key) }),
  }),
  defineCommand({
    name: "config.reload",
    role: "admin",
    summary: "Reads sm.yaml, repsets.d and connections.d anew, puts in force what can be, and makes the connections what their files describe.",
    input: z.strictObject({ isDryRun: z.boolean().default(false), isConfirmed: z.boolean().default(false) }),
    output: oneReload,
    deadlineMs: () => RELOAD_MS,
    handler: async (agent, input) => ({ reload: await agent.config.reload(input) }),
  }),
  defineCommand({
    name: "config.export",
    role: "monitor",
    summary: "The whole agent as files: the settings in force, the replication sets, the connections. No secrets.",
    input: emptySchema,
    output: configExportSchema,
    deadlineMs: quick,
    handler: (agent) => agent.config.export(),
  }),
] as const;
