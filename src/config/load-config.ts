// Files, flags and environment → one frozen Config, or every error at once. Of files it reads sm.yaml and nothing else.

import { readFileSync } from "node:fs";
import { hostname as systemHostname } from "node:os";
import { join, resolve } from "node:path";
import type { Config, ConfigDirectories, ConfigSections } from "./config.js";
import { type DefaultsContext, FIELDS, type Field } from "./config-fields.js";
import { type EnvironmentValues, readEnvironment } from "./environment.js";
import { configInvalid, type FieldError, showValue } from "./field-error.js";
import { isRecord, nearestOf, rejectUnknownKeys, YamlSource } from "./yaml-source.js";

export const CONFIG_FILE = "sm.yaml";

export interface LoadConfigOptions {
  /** --config-dir, --state-dir, --runtime-dir, --log-dir: they win over SM_HOME, which wins over the defaults. */
  readonly flags?: Partial<{ readonly [D in keyof ConfigDirectories]: string | undefined }>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Name of the machine, for the default of server.name. */
  readonly hostname?: string;
  /** What relative directories are relative to. */
  readonly cwd?: string;
}

const DEFAULT_DIRECTORIES: ConfigDirectories = { configDir: "/etc/sm", stateDir: "/var/lib/sm", runtimeDir: "/run/sm", logDir: "/var/log/sm" };
const HOME_DIRECTORIES: ConfigDirectories = { configDir: "etc", stateDir: "state", runtimeDir: "run", logDir: "log" };

/** sun_path of a Unix socket takes 108 bytes with the final NUL. */
const SOCKET_PATH_BYTES_MAX = 107;
const SOCKET_NAME_LONGEST = "monitor.sock";

/** The directories of one agent: flags, then SM_HOME, then the places of the system. */
export function resolveDirectories({ flags = {}, env = process.env, cwd = process.cwd() }: LoadConfigOptions = {}): ConfigDirectories {
  const home = env.SM_HOME;
  const of = (name: keyof ConfigDirectories): string => {
    const given = flags[name];
    if (given !== undefined && given !== "") return resolve(cwd, given);
    return home === undefined || home === "" ? DEFAULT_DIRECTORIES[name] : resolve(cwd, home, HOME_DIRECTORIES[name]);
  };
  return { configDir: of("configDir"), stateDir: of("stateDir"), runtimeDir: of("runtimeDir"), logDir: of("logDir") };
}

/** Where a value in force comes from. */
export interface ValueOrigin {
  readonly from: "default" | "file" | "environment" | "flag";
  /** File with line and column, or the name of the variable or flag; "" = nowhere. */
  readonly place: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** By key: "queue.memoryMiB". A key that is not there has its default. */
  readonly origins: ReadonlyMap<string, ValueOrigin>;
}

/** Throws CONFIG_INVALID with data.errors: FieldError[]. A missing sm.yaml means the defaults. */
export function loadConfig(options: LoadConfigOptions = {}): Config {
  return readConfig(options).config;
}

/** As loadConfig, with where each value comes from. `text` stands for what sm.yaml has. */
export function readConfig(options: LoadConfigOptions = {}, text?: string): LoadedConfig {
  const checked = checkConfig(options, text);
  if ("errors" in checked) throw configInvalid(checked.errors);
  return checked;
}

/** Nothing is thrown for what is wrong, unless the file cannot be read. */
export function checkConfig(options: LoadConfigOptions = {}, text?: string): LoadedConfig | { readonly errors: readonly FieldError[] } {
  const directories = resolveDirectories(options);
  const file = join(directories.configDir, CONFIG_FILE);
  const source = new YamlSource(file, text ?? readText(file));
  const environment = readEnvironment(options.env ?? process.env);
  const reading: Reading = { source, environment, context: { ...directories, hostname: options.hostname ?? systemHostname() }, origins: new Map() };
  const root = source.value();
  const sections = source.errors.length > 0 ? undefined : parseSections(reading, root);
  if (sections !== undefined && environment.errors.length === 0) checkRelations(reading, sections);
  const errors = [...source.errors, ...environment.errors, ...checkDirectories(directories)];
  if (sections === undefined || errors.length > 0) return { errors };
  return { config: deepFreeze({ ...directories, ...sections }), origins: reading.origins };
}

interface Reading {
  readonly source: YamlSource;
  readonly environment: EnvironmentValues;
  readonly context: DefaultsContext;
  readonly origins: Map<string, ValueOrigin>;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw configInvalid(
      [{ file, line: 0, column: 0, path: "", expected: "a readable file", got: error instanceof Error ? error.message : String(error) }],
      error,
    );
  }
}

/** The defaults of every field. */
export function defaultSections(context: DefaultsContext): ConfigSections {
  const environment = { values: new Map(), errors: [] };
  return parseSections({ source: new YamlSource("", ""), environment, context, origins: new Map() }, {});
}

function parseSections(reading: Reading, root: unknown): ConfigSections {
  const { source } = reading;
  const given = isRecord(root) ? root : {};
  if (!isRecord(root)) source.addValue([], "a map of sections", root);
  rejectUnknownSections(source, given);
  const section = <S extends keyof ConfigSections>(name: S): ConfigSections[S] => parseSection(reading, name, given[name]);
  return {
    server: section("server"),
    source: section("source"),
    target: section("target"),
    queue: section("queue"),
    transport: section("transport"),
    apply: section("apply"),
    capture: section("capture"),
    mirror: section("mirror"),
    verify: section("verify"),
    orphans: section("orphans"),
    guard: section("guard"),
    tdu: section("tdu"),
    watchdog: section("watchdog"),
    api: section("api"),
    log: section("log"),
  };
}

/** As rejectUnknownKeys, but a field that was written outside of its section is led there. */
function rejectUnknownSections(source: YamlSource, given: Readonly<Record<string, unknown>>): void {
  const sections = Object.keys(FIELDS);
  for (const key of Object.keys(given)) {
    if (sections.includes(key)) continue;
    const fields = sections.flatMap((section) => Object.keys(FIELDS[section as keyof ConfigSections]).map((field) => `${section}.${field}`));
    const home = fields.find((field) => field.endsWith(`.${key}`) || field === key);
    const nearest = nearestOf(key, sections) ?? home ?? nearestOf(key, fields);
    source.add([key], nearest === undefined ? `one of ${sections.join(", ")}` : `a known field (did you mean ${home ?? nearest}?)`, "an unknown field");
  }
}

function parseSection<S extends keyof ConfigSections>(reading: Reading, section: S, value: unknown): ConfigSections[S] {
  const { source, environment, context, origins } = reading;
  const fields: { readonly [F in keyof ConfigSections[S]]: Field<ConfigSections[S][F]> } = FIELDS[section];
  const given = isRecord(value) ? value : {};
  // A section whose fields are all commented out is null in YAML.
  if (!isRecord(value) && value !== undefined && value !== null) source.addValue([section], "a map of fields", value);
  rejectUnknownKeys(source, [section], given, Object.keys(fields));
  const parsed: Partial<ConfigSections[S]> = {};
  for (const name in fields) {
    const field = fields[name];
    const raw = given[name];
    const preset = field.preset(context);
    const result = raw === undefined ? preset : field.parse(raw);
    if (result === undefined) addFieldError(source, section, name, field.expected, raw);
    parsed[name] = result === undefined ? preset : result;
    const key = `${section}.${name}`;
    if (raw !== undefined) origins.set(key, { from: "file", place: placeText(source, [section, name]) });
    const override = environment.values.get(key);
    if (override === undefined) continue;
    parsed[name] = override.value as ConfigSections[S][typeof name];
    origins.set(key, { from: "environment", place: override.variable });
  }
  return parsed as ConfigSections[S];
}

function placeText(source: YamlSource, path: readonly string[]): string {
  const { line, column } = source.placeOf(path);
  return `${source.file}:${line}:${column}`;
}

function addFieldError(source: YamlSource, section: string, name: string, expected: string, raw: unknown): void {
  source.add([section, name], expected, showValue(raw));
}

/** What single fields cannot say: how they go together. */
function checkRelations(reading: Reading, { source, target, transport, apply }: ConfigSections): void {
  if (transport.deadMs <= 2 * transport.heartbeatMs) {
    const expected = `more than twice transport.heartbeatMs (${transport.heartbeatMs}), or one late heartbeat would break the connection`;
    addRelationError(reading, ["transport", "deadMs"], expected, String(transport.deadMs));
  }
  if (apply.retryMaxMs < apply.retryInitialMs) {
    addRelationError(reading, ["apply", "retryMaxMs"], `at least apply.retryInitialMs (${apply.retryInitialMs})`, String(apply.retryMaxMs));
  }
  if (!source.enabled && !target.enabled) {
    addRelationError(reading, ["target", "enabled"], "true, or source.enabled true: an agent without either module has nothing to do", "both false");
  }
}

/** At the variable where the value is from one. */
function addRelationError({ source, origins }: Reading, path: readonly [string, string], expected: string, got: string): void {
  const key = path.join(".");
  const origin = origins.get(key);
  if (origin?.from !== "environment") source.add(path, expected, got);
  else source.errors.push({ file: `environment variable ${origin.place}`, line: 0, column: 0, path: key, expected, got });
}

function checkDirectories({ runtimeDir }: ConfigDirectories): FieldError[] {
  const bytes = Buffer.byteLength(join(runtimeDir, SOCKET_NAME_LONGEST));
  if (bytes <= SOCKET_PATH_BYTES_MAX) return [];
  const expected = `a directory of at most ${SOCKET_PATH_BYTES_MAX - SOCKET_NAME_LONGEST.length - 1} bytes (limit of Unix sockets)`;
  return [{ file: "--runtime-dir", line: 0, column: 0, path: "runtimeDir", expected, got: `${showValue(runtimeDir)}` }];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
