// Bringing data back from a target's copy: what a person may ask, what both agents say to each other about it, and what is known
// of it while it runs. The holder has the copy; the receiver is the machine that is written to.

import { z } from "zod";
import { PATH_BYTES_MAX } from "./byte-path.js";
import { compressionSchema } from "./compression.js";
import { type Mapping, mappingSchema } from "./connection-spec.js";
import type { MirrorContent } from "./mirror-wish.js";
import { isInside } from "./repset-roots.js";
import { connectionKeySchema } from "./session.js";
import { DEFAULT_TRANSMISSION, RATE_MIN, type TransmissionSettings } from "./transmission.js";

/** always: what differs becomes as the copy has it. newer: only files that are newer in the copy. missing: only what is not there. */
export const overwriteSchema = z.enum(["always", "newer", "missing"]);
/** What becomes of names that the copy lacks. */
export const orphansChoiceSchema = z.enum(["keep", "report", "delete"]);

export const restoreRateSchema = z.number().int().min(RATE_MIN).max(1e12);

export const restoreOptionsSchema = z.strictObject({
  overwrite: overwriteSchema,
  /** The contents of all files are compared, also of those whose size and date are equal; the blocks that differ are brought. */
  checksum: z.boolean(),
  orphans: orphansChoiceSchema,
  /** Absolute, where the data was at its source; null = the whole set. */
  paths: z.array(z.string().startsWith("/").max(PATH_BYTES_MAX)).min(1).max(1000).readonly().nullable(),
  /** What the holder sends in a second at most. Absent = no limit: a holder that knows of none refuses a request that has one. */
  bytesPerSecond: restoreRateSchema.exactOptional(),
});
export type RestoreOptions = z.infer<typeof restoreOptionsSchema>;

/** The receiver's first word to the holder, on a link that the receiver opened. */
export const restoreRequestSchema = z.strictObject({
  /** Of this restore; repeated on every link of it. */
  key: connectionKeySchema,
  repset: z.string().min(1).max(255),
  /** Of the connection that made the copy; null = the receiver has no such connection (any more). */
  connectionKey: connectionKeySchema.nullable(),
  options: restoreOptionsSchema,
  compression: compressionSchema,
  /** Asks what there is, and begins nothing. */
  isInquiry: z.boolean(),
});
export type RestoreRequest = z.infer<typeof restoreRequestSchema>;

const count = z.number().int().nonnegative();

export const restoreCountsSchema = z.strictObject({
  filesTotal: count,
  bytesTotal: count,
  filesDone: count,
  /** Brought, and found equal. */
  bytesDone: count,
  bytesSkipped: count,
  /** Names that the copy lacks, the first of them, and how many were removed. */
  orphans: count,
  orphanNames: z.array(z.string()).max(1000).readonly(),
  removed: count,
  /** Files that were there and stay as they are, and the first of them. */
  leftAlone: count,
  leftAloneNames: z.array(z.string()).max(100).readonly(),
  problems: count,
  problemNames: z.array(z.string()).max(100).readonly(),
});
export type RestoreCounts = z.infer<typeof restoreCountsSchema>;

/** What the holder says of a restore, again and again. */
export const restoreNewsSchema = z.strictObject({
  /** offered answers an inquiry. */
  status: z.enum(["offered", "running", "done", "failed"]),
  percent: z.number().min(0).max(100),
  message: z.string().max(2000).nullable(),
  counts: restoreCountsSchema,
  /** Where the copy is, and where each part of it was. */
  mappings: z.array(mappingSchema).min(1).max(256),
  /** Why the copy may lack something; null = nothing is known that it lacks. */
  doubt: z.string().max(2000).nullable(),
});
export type RestoreNews = z.infer<typeof restoreNewsSchema>;

/** A restore as its job shows it. */
export interface RestoreReport extends Omit<RestoreOptions, "bytesPerSecond"> {
  /** Null = no limit. */
  readonly bytesPerSecond: number | null;
  readonly from: string;
  readonly to: string;
  /** From the copy to where it is restored. */
  readonly mappings: readonly Mapping[];
  readonly counts: RestoreCounts;
  readonly doubt: string | null;
}

export interface RestoreStart {
  readonly repset: string;
  /** The peer that holds the copy, or this agent by its own name. */
  readonly from: string;
  /** Null = the machine that the command is given on. */
  readonly to: string | null;
  readonly options: RestoreOptions;
}

export const NOTHING_RESTORED: RestoreCounts = {
  ...{ filesTotal: 0, bytesTotal: 0, filesDone: 0, bytesDone: 0, bytesSkipped: 0, orphans: 0, orphanNames: [], removed: 0 },
  ...{ leftAlone: 0, leftAloneNames: [], problems: 0, problemNames: [] },
};

/** Why no restore can do both; null = it can. */
export function restoreContradiction({ overwrite, checksum }: Pick<RestoreOptions, "overwrite" | "checksum">): string | null {
  return checksum && overwrite !== "always"
    ? `--checksum finds what differs although its date says otherwise, --overwrite ${overwrite} brings none of that`
    : null;
}

/** How the copy is walked: as a mirror of it would be. */
export interface RestoreWalk {
  readonly content: MirrorContent;
  readonly newerOnly: boolean;
  readonly missingOnly: boolean;
  readonly extras: "report" | "remove";
}

export function walkOf({ overwrite, checksum, orphans }: RestoreOptions): RestoreWalk {
  return {
    content: checksum ? "checksum-all" : "times",
    newerOnly: overwrite === "newer",
    missingOnly: overwrite === "missing",
    extras: orphans === "delete" ? "remove" : "report",
  };
}

/** How the holder's connection sends. */
export function transmissionOf({ bytesPerSecond }: Pick<RestoreOptions, "bytesPerSecond">): TransmissionSettings {
  const standing = bytesPerSecond === undefined ? null : { bytesPerSecond, share: null };
  return { ...DEFAULT_TRANSMISSION, limit: { standing, times: [] } };
}

export function reversed(mappings: readonly Mapping[]): Mapping[] {
  return mappings.map(({ source, target }) => ({ source: target, target: source }));
}

/** Where in the copy a path of the source is; undefined = it is no part of it. */
export function pathInCopy(path: string, mappings: readonly Mapping[]): string | undefined {
  const plain = path.length > 1 ? path.replace(/\/+$/, "") : path;
  const mapping = mappings.find(({ source }) => isInside(plain, source));
  if (mapping === undefined) return undefined;
  const rest = plain.slice(mapping.source === "/" ? 0 : mapping.source.length);
  return rest === "" || rest === "/" ? mapping.target : `${mapping.target === "/" ? "" : mapping.target}${rest}`;
}

/** Whatever their order. */
export function isSameMappings(a: readonly Mapping[], b: readonly Mapping[]): boolean {
  const text = (mappings: readonly Mapping[]): string => JSON.stringify(mappings.map(({ source, target }) => [source, target]).sort());
  return text(a) === text(b);
}
