// One connection as a YAML file: text → its description with the place of every error; a connection → the text that describes it.

import { stringify } from "yaml";
import { z } from "zod";
import type { ConnectionDescription, DescribedConnection } from "../model/connection-description.js";
import { connectionOptionsSchema, type GuardSetting } from "../model/connection-spec.js";
import type { ConnectRequest } from "../model/control-port.js";
import type { Hook } from "../model/hook.js";
import { bytesText, durationText } from "../model/quantity-text.js";
import { isSimulationName } from "../model/simulation.js";
import type { LimitRate } from "../model/transmission.js";
import { type ConnectionFile, connectionFileSchema } from "./connection-file-schema.js";
import { type FieldError, showValue } from "./field-error.js";
import { isRecord, rejectUnknownKeys, YamlSource } from "./yaml-source.js";

export type ParsedConnection = { readonly description: ConnectionDescription } | { readonly errors: readonly FieldError[] };

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
}

export const CONNECTION_SCHEMA = z.toJSONSchema(connectionFileSchema, { io: "input" }) as SchemaNode & Readonly<Record<string, unknown>>;

const TYPE_WORDS: Readonly<Record<string, string>> = { string: "text", boolean: "true or false", object: "a map", record: "a map", array: "a list" };

export function parseConnectionFile(name: string, file: string, text: string): ParsedConnection {
  const source = new YamlSource(file, text);
  const root = source.value();
  if (source.errors.length > 0) return { errors: source.errors };
  if (!isRecord(root)) {
    source.addValue([], "a map with set, target and a place", root);
    return { errors: source.errors };
  }
  // A field whose value is commented out is null.
  const given = Object.fromEntries(Object.entries(root).filter(([, value]) => value !== null));
  refuseUnclearPlace(source, given);
  const result = connectionFileSchema.safeParse(given);
  if (!result.success) for (const issue of result.error.issues) addIssue(source, given, issue);
  if (!result.success || source.errors.length > 0) return { errors: source.errors };
  return { description: describe(name, result.data, mapOf(result.data)) };
}

function addIssue(source: YamlSource, root: unknown, issue: z.core.$ZodIssue): void {
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  if (issue.code === "unrecognized_keys") {
    const unknown = Object.fromEntries(issue.keys.map((key) => [key, null]));
    rejectUnknownKeys(source, path, unknown, knownKeys(path));
    return;
  }
  source.addValue(path, expectedBy(issue), valueAt(root, path));
}

function expectedBy(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return TYPE_WORDS[issue.expected] ?? `a ${issue.expected}`;
  if (issue.code === "invalid_value") return issue.values.length === 1 ? showValue(issue.values[0]) : `one of ${issue.values.join(", ")}`;
  if (issue.code === "too_small") return `at least ${issue.minimum}${issue.origin === "string" ? " characters" : ""}`;
  if (issue.code === "too_big") return `at most ${issue.maximum}${issue.origin === "string" ? " characters" : ""}`;
  if (issue.code === "invalid_key") return "an absolute path of the source";
  return issue.message;
}

function knownKeys(path: readonly (string | number)[]): string[] {
  let node: SchemaNode | undefined = CONNECTION_SCHEMA;
  for (const part of path) node = typeof part === "number" ? node?.items : node?.properties?.[part];
  return Object.keys(node?.properties ?? {});
}

function valueAt(root: unknown, path: readonly (string | number)[]): unknown {
  let value = root;
  for (const part of path) value = typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[part] : undefined;
  return value;
}

/** The place is said once, and a simulation has none. */
function refuseUnclearPlace(source: YamlSource, { map, exact, base, target }: Readonly<Record<string, unknown>>): void {
  const given = [map, exact, base].filter((each) => each !== undefined).length;
  if (given === 0 && typeof target === "string" && isSimulationName(target)) return;
  const isEmpty = isRecord(map) && Object.keys(map).length === 0;
  if (given === 1 && !isEmpty) return;
  source.add(map === undefined ? [] : ["map"], "one of map (SOURCE: TARGET), exact: true, base: DIR", given > 1 ? "several of them" : "none");
}

function mapOf({ map, exact, base }: ConnectionFile): ConnectRequest["map"] {
  if (base !== undefined) return { kind: "base", directory: base };
  if (map !== undefined) return { kind: "pairs", pairs: Object.entries(map).map(([from, to]) => ({ source: from, target: to })) };
  return exact === true ? { kind: "exact" } : { kind: "none" };
}

function describe(name: string, file: ConnectionFile, map: ConnectRequest["map"]): ConnectionDescription {
  const { set, target, mirror, replicate, compression, durability, remapLinks, guard = {}, simulation } = file;
  const { durability: _, ...options } = connectionOptionsSchema.parse({
    ...{ mirror, replicate, compression, remapLinks, ...guard },
    ...(simulation === undefined ? {} : { simulatedLink: simulation }),
  });
  return {
    name,
    request: { repset: set, target, map, options: { ...options, ...(durability === undefined ? {} : { durability }) } },
    schedule: file.schedule ?? null,
    limit: { standing: file.limit ?? null, times: file.limits ?? [] },
    verify: file.verify ?? null,
    scrub: file.scrub ?? null,
    hooks: file.hooks ?? null,
  };
}

/** What a file would say of a connection that is there; what is as by default is left out. */
export function connectionFileOf(connection: DescribedConnection): Readonly<Record<string, unknown>> {
  const { repset, target, isSimulated, mappings, options } = connection;
  const { mirror, replicate, compression, durability, remapLinks, simulatedLink } = options;
  const isExact = mappings.every((mapping) => mapping.source === mapping.target);
  const place = isSimulated ? {} : isExact ? { exact: true } : { map: Object.fromEntries(mappings.map((mapping) => [mapping.source, mapping.target])) };
  const link =
    simulatedLink === undefined ? undefined : dropped({ bandwidth: simulatedLink.bytesPerSecond ?? undefined, roundTripMs: simulatedLink.roundTripMs });
  return dropped({
    ...{ set: repset, target, ...place, mirror, replicate, compression, durability, remapLinks, guard: guardWords(options.guard, options.guardChanged) },
    limit: connection.limit.standing === null ? undefined : rateWords(connection.limit.standing),
    limits:
      connection.limit.times.length === 0
        ? undefined
        : connection.limit.times.map((time) => ({ during: time.calendar, lasting: durationText(time.lastingMs), rate: rateWords(time.rate) })),
    schedule: scheduleWords(connection.schedule),
    verify: verifyWords(connection.verify),
    scrub: scrubWords(connection.scrub),
    hooks: connection.hooks.length === 0 ? undefined : connection.hooks.map(hookWords),
    simulation: link,
  });
}

export function connectionFileText(file: Readonly<Record<string, unknown>>): string {
  return stringify(file, { lineWidth: 0 });
}

function dropped(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

function guardWords(lost: GuardSetting, changed: GuardSetting): unknown {
  return lost === "configured" && changed === "configured" ? undefined : { lost, changed };
}

function rateWords(rate: LimitRate | null): unknown {
  if (rate === null) return "none";
  if ("automatic" in rate) return "automatic";
  return rate.share === null ? bytesText(rate.bytesPerSecond) : { percent: rate.share.percent, link: `${rate.share.linkBitsPerSecond}bit` };
}

const windowWords = (window: { readonly open: string; readonly close: string } | null): string | undefined =>
  window === null ? undefined : `${window.open}-${window.close}`;
const durationWords = (ms: number | null): string | undefined => (ms === null ? undefined : durationText(ms));
const bytesWords = (bytes: number | null): string | undefined => (bytes === null ? undefined : bytesText(bytes));

function scheduleWords(schedule: DescribedConnection["schedule"]): unknown {
  if (schedule === null) return undefined;
  const { startAt, everyMs, calendar, queueBytes, queuePercent, stopAfterMs, stopAfterBytes, window, enabled } = schedule;
  return dropped({
    ...{ start: startAt, every: durationWords(everyMs), calendar, queueBytes: bytesWords(queueBytes), queuePercent },
    ...{ stopAfter: durationWords(stopAfterMs), stopAfterBytes: bytesWords(stopAfterBytes), window: windowWords(window), enabled },
  });
}

function verifyWords(verify: DescribedConnection["verify"]): unknown {
  if (verify === null) return undefined;
  const { calendar, startAt, everyMs, content, repair, orphans, catchesUp, enabled } = verify;
  const sweep =
    orphans === null
      ? undefined
      : dropped({
          ...{ action: orphans.action, to: orphans.to, olderThan: durationWords(orphans.olderThanMs) },
          ...{ includeExcluded: orphans.includesExcluded, yes: orphans.isConfirmed },
        });
  return dropped({
    ...{ at: calendar, start: startAt, every: durationWords(everyMs), checksum: content === "flagged", checksumAll: content === "all" },
    ...{ repair: repair !== "no", newer: repair === "newer", catchUp: catchesUp, orphans: sweep, enabled },
  });
}

function scrubWords(scrub: DescribedConnection["scrub"]): unknown {
  if (scrub === null) return undefined;
  const { bytesPerSecond, window, everyMs, repair, enabled } = scrub;
  return dropped({ bytesPerSecond: bytesText(bytesPerSecond), window: windowWords(window), every: durationText(everyMs), repair: repair === "all", enabled });
}

function hookWords({ name, event, program, isDelaying, timeoutSeconds, onFailure }: Hook): unknown {
  const args = program.args.length === 0 ? undefined : program.args;
  return dropped({ name, event, program: program.path, args, delay: isDelaying, timeout: durationText(timeoutSeconds * 1000), onFailure });
}
