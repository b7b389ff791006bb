// Files, flags and environment → one frozen Config, or every error at once. Reads sm.yaml and nothing else.

import { readFileSync } from "node:fs";
import { hostname as systemHostname } from "node:os";
import { join, resolve } from "node:path";
import type { Config, ConfigDirectories, ConfigSections } from "./config.js";
import { type DefaultsContext, FIELDS, type Field } from "./config-fields.js";
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

/** Throws CONFIG_INVALID with data.errors: FieldError[]. A missing sm.yaml means the defaults. */
export function loadConfig(options: LoadConfigOptions = {}): Config {
  const directories = resolveDirectories(options);
  const file = join(directories.configDir, CONFIG_FILE);
  const source = new YamlSource(file, readText(file));
  const context: DefaultsContext = { ...directories, hostname: options.hostname ?? systemHostname() };
  const root = source.value();
  const sections = source.errors.length > 0 ? undefined : parseSections(source, root, context);
  if (sections !== undefined) checkRelations(source, sections);
  const errors = [...source.errors, ...checkDirectories(directories)];
  if (sections === undefined || errors.length > 0) throw configInvalid(errors);
  return deepFreeze({ ...directories, ...sections });
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
  return parseSections(new YamlSource("", ""), {}, context);
}

function parseSections(source: YamlSource, root: unknown, context: DefaultsContext): ConfigSections {
  const given = isRecord(root) ? root : {};
  if (!isRecord(root)) source.addValue([], "a map of sections", root);
  rejectUnknownSections(source, given);
  const section = <S extends keyof ConfigSections>(name: S): ConfigSections[S] => parseSection(source, name, given[name], context);
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

function parseSection<S extends keyof ConfigSections>(source: YamlSource, section: S, value: unknown, context: DefaultsContext): ConfigSections[S] {
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
  }
  return parsed as ConfigSections[S];
}

function addFieldError(source: YamlSource, section: string, name: string, expected: string, raw: unknown): void {
  source.add([section, name], expected, showValue(raw));
}

/** What single fields cannot say: how they go together. */
function checkRelations(source: YamlSource, { source: sourceModule, target, transport, apply }: ConfigSections): void {
  if (transport.deadMs <= 2 * transport.heartbeatMs) {
    source.add(
      ["transport", "deadMs"],
      `more than twice transport.heartbeatMs (${transport.heartbeatMs}), or one late heartbeat would break the connection`,
      String(transport.deadMs),
    );
  }
  if (apply.retryMaxMs < apply.retryInitialMs) {
    source.add(["apply", "retryMaxMs"], `at least apply.retryInitialMs (${apply.retryInitialMs})`, String(apply.retryMaxMs));
  }
  if (!sourceModule.enabled && !target.enabled) {
    source.add(["target", "enabled"], "true, or source.enabled true: an agent without either module has nothing to do", "both false");
  }
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
