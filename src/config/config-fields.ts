// The one table of configuration fields: what a field takes, its default, and the reason for that default.
// config/sm.yaml shows the same to the operator; a test holds the two together.

import { NAME_BYTES_MAX, PATH_BYTES_MAX } from "../model/byte-path.js";
import { SOCKETS_MAX } from "../model/sockets.js";
import { type ConfigDirectories, type ConfigSections, parseEndpoint } from "./config.js";

/** What defaults may depend on. */
export interface DefaultsContext extends ConfigDirectories {
  readonly hostname: string;
}

/** When a change of a field is in force: at once, for what begins from then on, or when the agent starts. */
export type Effect = "now" | "next" | "restart";

/** A JSON Schema, as far as editors read it. */
export type FieldSchema = Readonly<Record<string, unknown>>;

export interface Field<T> {
  /** What the field takes, for error messages: "a whole number from 1 to 10". */
  readonly expected: string;
  /** The value, or undefined when it is not what is expected. */
  parse(value: unknown): T | undefined;
  /** The default. */
  preset(context: DefaultsContext): T;
  /** Why this default. */
  readonly reason: string;
  /** The values as editors know them; absent = any text. */
  readonly schema?: FieldSchema;
  /** Absent = when the agent starts. */
  readonly effect?: Effect;
  /** With the effect "next": what has it. */
  readonly next?: string;
}

export type FieldTable = { readonly [S in keyof ConfigSections]: { readonly [F in keyof ConfigSections[S]]: Field<ConfigSections[S][F]> } };

const MIB_MAX = 16 * 1024 * 1024;
const DAY_MS = 86_400_000;

function whole(min: number, max: number, preset: number, reason: string): Field<number> {
  const parse = (value: unknown): number | undefined =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max ? value : undefined;
  const schema = { type: "integer", minimum: min, maximum: max };
  return { expected: `a whole number from ${min} to ${max}`, parse, preset: () => preset, reason, schema };
}

function wholeOrNull(min: number, max: number, reason: string): Field<number | null> {
  const { expected, parse, schema } = whole(min, max, min, reason);
  const orNull = { ...schema, type: ["integer", "null"] };
  return { expected: `${expected}, or null`, parse: (value) => (value === null ? null : parse(value)), preset: () => null, reason, schema: orNull };
}

function flag(preset: boolean, reason: string): Field<boolean> {
  const parse = (value: unknown): boolean | undefined => (typeof value === "boolean" ? value : undefined);
  return { expected: "true or false", parse, preset: () => preset, reason, schema: { type: "boolean" } };
}

function word<T extends string>(words: readonly T[], preset: T, reason: string): Field<T> {
  const parse = (value: unknown): T | undefined => words.find((candidate) => candidate === value);
  return { expected: `one of ${words.join(", ")}`, parse, preset: () => preset, reason, schema: { enum: words } };
}

function list(
  item: { readonly expected: string; readonly schema?: FieldSchema; parse(value: unknown): string | undefined },
  max: number,
  reason: string,
  preset: readonly string[] = [],
): Field<readonly string[]> {
  const parse = (value: unknown): readonly string[] | undefined => {
    if (!Array.isArray(value) || value.length > max) return undefined;
    const parsed = value.map((each) => item.parse(each)).filter((each) => each !== undefined);
    return parsed.length === value.length ? parsed : undefined;
  };
  const schema = { type: "array", maxItems: max, items: item.schema ?? { type: "string" } };
  return { expected: `a list of at most ${max}, each ${item.expected}`, parse, preset: () => preset, reason, schema };
}

/** In force as soon as it is read. */
function now<T>(field: Field<T>): Field<T> {
  return { ...field, effect: "now" };
}

/** In force for each `what` that begins from then on. */
function next<T>(what: string, field: Field<T>): Field<T> {
  return { ...field, effect: "next", next: what };
}

const LINKS = "links";

/** An absolute path without "..", doubled or trailing slashes. */
function parsePath(value: unknown): string | undefined {
  if (typeof value !== "string" || !value.startsWith("/") || value.includes("\0") || Buffer.byteLength(value) > PATH_BYTES_MAX) return undefined;
  const components = value.slice(1).split("/");
  return value === "/" || components.every((name) => name !== "" && name !== "." && name !== ".." && Buffer.byteLength(name) <= NAME_BYTES_MAX)
    ? value
    : undefined;
}

const TASK_DIRECTORY = "which programs may run is decided by who writes to a directory: none is the agent's own choice";

const absolutePath = {
  expected: 'an absolute path without "..", "." or a trailing slash',
  parse: parsePath,
  schema: { type: "string", pattern: "^/", maxLength: PATH_BYTES_MAX },
};

const pathOrNull = {
  expected: `${absolutePath.expected} (not /), or null`,
  parse: (value: unknown) => (value === null ? null : value === "/" ? undefined : parsePath(value)),
  schema: { ...absolutePath.schema, type: ["string", "null"] },
};

const peerAddress = {
  expected: "host:port or [ipv6]:port with a port from 1 to 65535",
  parse: (value: unknown) => (typeof value === "string" && (parseEndpoint(value)?.port ?? 0) > 0 ? value : undefined),
};

const REFUSALS: readonly string[] = ["EPERM", "EACCES", "EBUSY", "EIO", "EDQUOT"];

const refusal = {
  expected: `one of ${REFUSALS.join(", ")}`,
  parse: (value: unknown) => REFUSALS.find((candidate) => candidate === value),
  schema: { enum: REFUSALS },
};

const SERVER: FieldTable["server"] = {
  name: {
    expected: "a name of 1 to 255 bytes without control characters and slashes",
    parse: (value) => (typeof value === "string" && /^[^\x00-\x1f\x7f/]+$/.test(value) && Buffer.byteLength(value) <= NAME_BYTES_MAX ? value : undefined),
    preset: ({ hostname }) => hostname,
    schema: { type: "string", minLength: 1, maxLength: NAME_BYTES_MAX },
    reason: "what peers and people know the machine by already",
  },
  listen: {
    expected: "host:port or [ipv6]:port with a port from 0 to 65535",
    parse: (value) => (typeof value === "string" && parseEndpoint(value) !== undefined ? value : undefined),
    preset: () => "127.0.0.1:1500",
    schema: { type: "string", pattern: ":[0-9]{1,5}$" },
    reason: "nobody else can reach an agent before its operator says so; 1500 is the port known from the field",
  },
  addresses: next("tokens", list(peerAddress, 32, "without a list, a token announces the address listened on")),
};

const QUEUE: FieldTable["queue"] = {
  directory: {
    ...absolutePath,
    preset: ({ stateDir }) => `${stateDir === "/" ? "" : stateDir}/queue`,
    reason: "works with nothing set up; a volume of its own is better",
  },
  memoryMiB: now(whole(1, MIB_MAX, 128, "holds seconds of a busy server's changes without making the agent a large process")),
  diskMiB: now(wholeOrNull(5, MIB_MAX, "the volume is the limit, which minFreeMiB guards; what is beyond it is repaired place by place")),
  minFreeMiB: now(whole(0, MIB_MAX, 50, "other programs on the volume keep working when the queue is full")),
  alertPercent: now(whole(0, 99, 50, "half of the room is left to find out why the queue grows; 0 = no alert")),
  onFull: word(["pull-ahead", "mirror"], "pull-ahead", "a target that was away for long costs what changed, not a comparison of everything"),
};

const TRANSPORT: FieldTable["transport"] = {
  compressMinBytes: next(LINKS, whole(512, 1024 * 1024, 1024, "less fits into one packet anyway, and costs ten times as much for each byte")),
  windowMiB: whole(1, 4096, 16, "fills 1 Gbit/s at 128 ms round trip; more only costs memory on both sides"),
  sockets: {
    expected: `a whole number from 1 to ${SOCKETS_MAX}, or automatic`,
    parse: (value) => (value === "automatic" ? value : whole(1, SOCKETS_MAX, 1, "").parse(value)),
    ...{ preset: () => "automatic" as const, effect: "next" as const, next: LINKS },
    schema: { anyOf: [{ type: "integer", minimum: 1, maximum: SOCKETS_MAX }, { const: "automatic" }] },
    reason: "one TCP stream cannot fill a long link; a short one, or one with little to send, needs no second",
  },
  heartbeatMs: next(LINKS, whole(50, DAY_MS, 2000, "keeps firewalls from forgetting the connection, and costs a few bytes")),
  deadMs: next(LINKS, whole(100, DAY_MS, 10_000, "five missed heartbeats: no false alarm on a busy link, and noticed before a person does")),
  connectTimeoutMs: next(LINKS, whole(50, DAY_MS, 5000, "a reachable machine answers in less, also around the world")),
};

/** Every field of the configuration file. */
export const FIELDS: FieldTable = {
  server: SERVER,
  source: {
    enabled: next("connections", flag(true, "a server replicates as soon as it has a connection; switch it off on a pure target")),
    tasks: flag(false, "an agent runs no programs before its operator says so"),
    hooks: flag(false, "an agent runs no programs before its operator says so"),
    taskDirectory: { ...pathOrNull, preset: () => null, reason: TASK_DIRECTORY },
  },
  target: {
    enabled: next(LINKS, flag(true, "a paired source may replicate to here; switch it off on a pure source")),
    allowedRoots: next(LINKS, list(absolutePath, 1024, "empty = anywhere but system directories: the operator of the source chooses")),
    tasks: flag(false, "a paired source may change files here, and run nothing, before the operator of the target says so"),
    taskDirectory: { ...pathOrNull, preset: () => null, reason: TASK_DIRECTORY },
    stageMiB: next(LINKS, whole(16, MIB_MAX, 256, "holds two seconds of 1 Gbit/s that never pause; a larger state is applied in parts, and that is said")),
  },
  queue: QUEUE,
  transport: TRANSPORT,
  apply: {
    durability: next("connections", word(["none", "write", "fsync"], "fsync", "an acknowledged change survives a power cut of the target")),
    retryInitialMs: next(LINKS, whole(1, DAY_MS, 200, "a short lock on a file costs no visible delay")),
    retryMaxMs: next(LINKS, whole(1, DAY_MS, 10_000, "a full disk is noticed to have space again within seconds")),
    refusals: next(
      LINKS,
      list(refusal, 5, "an immutable, forbidden or busy file holds up nothing but itself; a full or read-only volume holds up all", REFUSALS.slice(0, 3)),
    ),
    retryLimitSeconds: {
      ...wholeOrNull(0, 31_536_000, "what has not gone by itself in a minute needs a person, who is told then"),
      ...{ preset: () => 60, effect: "next" as const, next: LINKS },
    },
    quarantineRetrySeconds: next(LINKS, whole(0, 31_536_000, 300, "a file that was released is repaired within minutes, whoever released it")),
  },
  capture: {
    source: word(["auto", "fanotify", "chokidar", "walk"], "auto", "the agent probes each root and takes the best that works there"),
    watchesMax: wholeOrNull(1, 100_000_000, "the kernel's own limit, fs.inotify.max_user_watches"),
    walkSeconds: whole(1, 604_800, 60, "covers what cannot be watched, at the cost of reading the metadata once a minute"),
    auditSeconds: whole(0, 31_536_000, 3600, "once an hour the tree is compared with what is known, though every event is told; 0 = never"),
    signatureMiB: whole(1, MIB_MAX, 64, "block sums of some 100,000 changed files; what does not fit is compared anew"),
  },
  guard: {
    lostPercent: now(wholeOrNull(1, 100, "what is much to lose is not the same everywhere; 20 is a good beginning")),
    lostFiles: now(wholeOrNull(1, 1_000_000_000, "a share says more of most sets; of a very large one even a small share is much")),
    changedPercent: now(wholeOrNull(1, 100, "work overwrites files, and how many is not the same everywhere; 50 is a good beginning")),
    lostFilesMin: now(whole(1, 1_000_000_000, 100, "a few files of a small set are removed every day")),
    windowSeconds: now(whole(1, 2_592_000, 600, "a mistake and an attack take minutes, and what a day removes is its work")),
  },
  mirror: {
    size: next("mirrors", flag(true, "the source knows its tree anyway; percentage and time left are shown for it")),
  },
  verify: {
    name: {
      expected: "a file name of 1 to 200 bytes without control characters and slashes",
      parse: (value) => (typeof value === "string" && /^[^\x00-\x1f\x7f/]+$/.test(value) && Buffer.byteLength(value) <= 200 ? value : undefined),
      ...{ preset: () => "SMVerify.log", effect: "next" as const, next: "verifications" },
      schema: { type: "string", minLength: 1, maxLength: 200 },
      reason: "behind the name of the replication set: one log for each",
    },
    append: next("verifications", flag(true, "what was found last month is still there")),
    bytesMax: next(
      "verifications",
      whole(4096, 1024 * 1024 * 1024, 1_048_576, "opens in any editor; beyond it nothing more is logged, and the report goes on"),
    ),
  },
  orphans: {
    confirmFiles: next("jobs", whole(1, 1_000_000_000, 1000, "what a person forgot about is some files; thousands are a mapping or a rule that is wrong")),
    log: next(LINKS, word(["names", "totals"], "names", "what was deleted by a program must be found again by somebody who misses it")),
  },
  tdu: {
    intervalSeconds: next("simulations", whole(1, 3600, 10, "short enough to see what a burst asks of a link, long enough for a month in some megabytes")),
    maxFileMiB: next("simulations", whole(1, 64, 4, "opens in any spreadsheet: four days of 10 s each")),
    maxFiles: next("simulations", whole(1, 64, 8, "a month in all, so that the busiest day is among it")),
  },
  watchdog: {
    stallSeconds: now(whole(0, 86_400, 60, "longer than a busy disk or network takes for one thing, short enough to be told while it matters; 0 = off")),
  },
  api: { remote: flag(true, "without a user (`sm user create`) nobody can log in, and the port answers as if there were no API") },
  log: {
    level: now(word(["error", "warn", "info", "debug"], "info", "every change of state is on record, single files are not")),
    format: word(["text", "json"], "text", "read by people first; json is for log collectors"),
    maxFileMiB: whole(1, 1024, 5, "opens in any editor"),
    maxFiles: whole(1, 1000, 5, "25 MiB in all: weeks of a quiet agent, and never a full volume"),
    dtlogMaxFileBytes: whole(4096, 1024 * 1024 * 1024, 1_048_576, "the size known from the field"),
    dtlogMaxFiles: whole(1, 999, 5, "the number known from the field"),
    maxPathChars: whole(1, 32_760, 32_760, "no path of Linux is cut"),
    system: word(["auto", "off"], "auto", "who watches the system's log sees what a person must act on; without such a log nothing happens"),
    systemSocket: { ...absolutePath, preset: () => "/dev/log", reason: "where journald and every syslog listen" },
  },
};

export interface NamedField {
  /** "queue.memoryMiB" */
  readonly key: string;
  readonly section: keyof ConfigSections;
  readonly name: string;
  readonly field: Field<unknown>;
}

/** In the order of the table. */
export const ALL_FIELDS: readonly NamedField[] = Object.entries(FIELDS).flatMap(([section, fields]) =>
  Object.entries(fields as Readonly<Record<string, Field<unknown>>>).map(([name, field]) => ({
    key: `${section}.${name}`,
    section: section as keyof ConfigSections,
    name,
    field,
  })),
);

export function findField(key: string): NamedField | undefined {
  return ALL_FIELDS.find((each) => each.key === key);
}
