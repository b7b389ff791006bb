// What persons say about the configuration of a running agent, and what it says about that.

import { z } from "zod";

export const settingReportSchema = z.object({
  /** "queue.memoryMiB" */
  key: z.string(),
  /** In force. */
  value: z.unknown(),
  preset: z.unknown(),
  /** Where the value comes from: the configuration, or a command while the agent ran. */
  from: z.enum(["default", "file", "environment", "flag", "command"]),
  /** File with line and column, or the name of the variable, flag or command; "" = nowhere. */
  place: z.string(),
  /** The variable that sets it. */
  variable: z.string(),
  /** When a change is in force: at once, for each `next` that begins from then on, or when the agent starts. */
  effect: z.enum(["now", "next", "restart"]),
  next: z.string().nullable(),
  /** What is configured, and waits for the next start; null = nothing does. */
  pending: z.object({ value: z.unknown() }).nullable(),
  expected: z.string(),
  /** Of the default. */
  reason: z.string(),
});

export type SettingReport = Readonly<z.infer<typeof settingReportSchema>>;

export const settingOutcomeSchema = z.object({
  key: z.string(),
  before: z.unknown(),
  after: z.unknown(),
  effect: z.enum(["now", "next", "restart"]),
  next: z.string().nullable(),
  /** What is in force all the same; null = nothing hides it. */
  hiddenBy: z.string().nullable(),
});

export type SettingOutcome = Readonly<z.infer<typeof settingOutcomeSchema>>;

export const connectionOutcomeSchema = z.object({
  /** Of connections.d, without ".yaml". */
  file: z.string(),
  /** kept: its file is gone, and it stays all the same. failed: as before, or in part; the next reload tries again. */
  action: z.enum(["created", "changed", "unchanged", "disconnected", "kept", "failed"]),
  connectionId: z.number().nullable(),
  /** In the words of the file. */
  changes: z.array(z.string()).readonly(),
  message: z.string().nullable(),
});

export type ConnectionOutcome = Readonly<z.infer<typeof connectionOutcomeSchema>>;

export const reloadReportSchema = z.object({
  /** Nothing was done: what would have been. */
  isDryRun: z.boolean(),
  settings: z.array(settingOutcomeSchema).readonly(),
  repsets: z.array(z.object({ name: z.string(), change: z.enum(["new", "changed", "removed"]) })).readonly(),
  connections: z.array(connectionOutcomeSchema).readonly(),
  /** Keys whose change waits for the next start of the agent. */
  needsRestart: z.array(z.string()).readonly(),
  warnings: z.array(z.string()).readonly(),
});

export type ReloadReport = Readonly<z.infer<typeof reloadReportSchema>>;

export interface ReloadOptions {
  readonly isDryRun: boolean;
  /** Also when most of the connections that files made would be disconnected. */
  readonly isConfirmed: boolean;
}

/** The whole agent as files. */
export const configExportSchema = z.object({
  /** Contents by file: {"sm.yaml": …, "repsets.d": {NAME: …}, "connections.d": {NAME: …}}. */
  document: z.record(z.string(), z.unknown()),
  /** The same as one YAML text. */
  text: z.string(),
  files: z.array(z.object({ path: z.string(), text: z.string() })).readonly(),
});

export type ConfigExport = Readonly<z.infer<typeof configExportSchema>>;

export interface ConfigControl {
  /** `key` a field, or a section; null = all. Rejects with NOT_FOUND. */
  get(key: string | null): Promise<readonly SettingReport[]>;
  /** Writes sm.yaml and loads it. `value` as text is read as in an environment variable. Rejects with CONFIG_INVALID, and nothing is written. */
  set(key: string, value: unknown): Promise<ReloadReport>;
  unset(key: string): Promise<ReloadReport>;
  /** Reads all files anew. Rejects with CONFIG_INVALID, and nothing is changed. */
  reload(options: ReloadOptions): Promise<ReloadReport>;
  export(): Promise<ConfigExport>;
}

/** What of the configuration a person has to know. */
export interface ConfigStatus {
  readonly needsRestart: readonly string[];
  /** Files that are not in force as they are. */
  readonly problems: readonly string[];
}
