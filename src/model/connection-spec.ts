import { z } from "zod";
import { compressionSchema } from "./compression.js";
import { simulatedLinkSchema } from "./simulation.js";

/** Joins one replication set to one place on one target. */
export const mappingSchema = z.strictObject({
  /** Absolute path on the source: a root of the replication set. */
  source: z.string().startsWith("/"),
  /** Absolute path on the target. */
  target: z.string().startsWith("/"),
});

export type Mapping = z.infer<typeof mappingSchema>;

export const guardSettingSchema = z.union([z.number().int().min(1).max(100), z.enum(["off", "configured"])]);

export type GuardSetting = z.infer<typeof guardSettingSchema>;

/** Limits of what may be lost, and overwritten; what is absent stays. */
export interface GuardChange {
  readonly guard?: GuardSetting;
  readonly guardChanged?: GuardSetting;
}

export const connectionOptionsSchema = z.strictObject({
  mirror: z.enum(["full", "difference", "none"]).default("difference"),
  replicate: z.boolean().default(true),
  compression: compressionSchema.default("off"),
  /** Degree that an acknowledgement promises (design §7). */
  durability: z.enum(["none", "write", "fsync"]).default("fsync"),
  /** Remap absolute symlinks that point into the set to the target path (HP guide p. 4-3). */
  remapLinks: z.boolean().default(true),
  /** Percent of its files that the set may lose at once before the connection holds. */
  guard: guardSettingSchema.default("configured"),
  /** Percent of its files that may be overwritten or replaced at once before the connection holds. */
  guardChanged: guardSettingSchema.default("configured"),
  /** Of a simulation; absent = there is no link that would take time. */
  simulatedLink: simulatedLinkSchema.exactOptional(),
});

export type ConnectionOptions = z.infer<typeof connectionOptionsSchema>;

/** What a person, or a file, asks for; without a durability it is the configured one. */
export const connectOptionsSchema = connectionOptionsSchema.extend({ durability: z.enum(["none", "write", "fsync"]).exactOptional() });

export type ConnectOptions = z.infer<typeof connectOptionsSchema>;

/** What can be changed while a connection runs; what is absent stays as it is. */
export const connectionPatchSchema = z
  .strictObject({ compression: compressionSchema.exactOptional() })
  .refine((patch) => Object.keys(patch).length > 0, "names no option to change");

export type ConnectionPatch = z.infer<typeof connectionPatchSchema>;

export type MirrorMode = "full" | "difference";
