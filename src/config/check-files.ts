// Reads the files of a configuration as a whole, without an agent: every error of all of them at once, each with its place.

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { SmError } from "../base/errors.js";
import type { ConnectionDescription } from "../model/connection-description.js";
import { checkRepsetName } from "../model/repset-name.js";
import { findOverlap } from "../model/repset-roots.js";
import { normaliseRules } from "../model/repset-rules.js";
import type { Rule } from "../model/rule.js";
import { TEMPORARY_SUFFIX } from "./atomic-file.js";
import { parseConnectionFile } from "./connection-file.js";
import type { FieldError } from "./field-error.js";
import { CONFIG_FILE, checkConfig, type LoadConfigOptions, type LoadedConfig, resolveDirectories } from "./load-config.js";
import { parseRepsetFile } from "./repset-file.js";
import { REPSET_DIRECTORY } from "./repset-store.js";
import { isRecord, YamlSource } from "./yaml-source.js";

export const CONNECTION_DIRECTORY = "connections.d";
const EXTENSION = ".yaml";
const SETS_SHOWN = 10;
/** More files than that are no configuration. */
const FILES_MAX = 100_000;

export interface CheckReport {
  /** Those that were read. */
  readonly files: readonly string[];
  readonly errors: readonly FieldError[];
  /** What is taken all the same, and cannot work as it is. */
  readonly warnings: readonly FieldError[];
}

/** What a directory of files describes; complete only without errors. */
export interface ReadFiles extends CheckReport {
  readonly loaded: LoadedConfig | null;
  /** By name; rules normalised. */
  readonly repsets: ReadonlyMap<string, readonly Rule[]>;
  readonly connections: readonly ConnectionDescription[];
  /** Null = the directory of connections could not be read, or is not there: nothing is known of what it described. */
  readonly connectionFiles: readonly string[] | null;
}

/** sm.yaml, repsets.d and connections.d of the configuration directory; `mainText` stands for what sm.yaml has. */
export function readConfigFiles(options: LoadConfigOptions = {}, mainText?: string): ReadFiles {
  const { configDir } = resolveDirectories(options);
  const main = join(configDir, CONFIG_FILE);
  const checked = guarded(main, () => checkConfig(options, mainText));
  const errors = [...("errors" in checked ? checked.errors : [])];
  const repsets = new Map<string, readonly Rule[]>();
  const sets = readDirectory(join(configDir, REPSET_DIRECTORY));
  for (const { name, file, text } of sets.files) {
    const result = readRepset(name, file, text);
    if ("errors" in result) errors.push(...result.errors);
    else repsets.set(name, result.rules);
  }
  const directory = readDirectory(join(configDir, CONNECTION_DIRECTORY));
  const connections: ConnectionDescription[] = [];
  for (const { name, file, text } of directory.files) {
    const result = readConnection(name, file, text);
    const unknown = unknownSet(file, text, sets.files);
    if ("errors" in result) errors.push(...result.errors);
    if (unknown !== null) errors.push(unknown);
    else if ("description" in result) connections.push(result.description);
  }
  return {
    files: [main, ...sets.files.map(({ file }) => file), ...directory.files.map(({ file }) => file)],
    errors: [...errors, ...sets.errors, ...directory.errors],
    warnings: overlaps(configDir, repsets),
    loaded: "errors" in checked ? null : checked,
    repsets,
    connections,
    connectionFiles: directory.isThere ? directory.files.map(({ name }) => name) : null,
  };
}

/** One file: which kind it is says its place, or its fields. */
export function checkFile(path: string, options: LoadConfigOptions = {}): CheckReport {
  const file = resolve(path);
  const text = readText(file);
  const name = basename(file).replace(/\.yaml(\.sample)?$/, "");
  if (typeof text !== "string") return { files: [file], errors: [text], warnings: [] };
  const kind = kindOf(file, text);
  const result = kind === "repset" ? readRepset(name, file, text) : kind === "connection" ? readConnection(name, file, text) : readMain(file, text, options);
  return { files: [file], errors: "errors" in result ? result.errors : [], warnings: [] };
}

function readMain(file: string, text: string, options: LoadConfigOptions): { readonly errors: readonly FieldError[] } {
  const checked = checkConfig(options, text);
  const own = resolveDirectories(options).configDir;
  // The text stands for another file than the agent's.
  const rename = (error: FieldError): FieldError => (error.file === join(own, CONFIG_FILE) ? { ...error, file } : error);
  return { errors: "errors" in checked ? checked.errors.map(rename) : [] };
}

function kindOf(file: string, text: string): "sm" | "repset" | "connection" {
  const parent = basename(dirname(file));
  if (parent === REPSET_DIRECTORY) return "repset";
  if (parent === CONNECTION_DIRECTORY) return "connection";
  if (basename(file) === CONFIG_FILE) return "sm";
  const root = new YamlSource(file, text).value();
  if (!isRecord(root)) return "sm";
  return "rules" in root ? "repset" : "set" in root ? "connection" : "sm";
}

function readRepset(name: string, file: string, text: string): { readonly rules: readonly Rule[] } | { readonly errors: readonly FieldError[] } {
  const reason = checkRepsetName(name);
  if (reason !== undefined) return { errors: [wholeFile(file, "a file whose name is that of a replication set", `a name that ${reason}`)] };
  const parsed = parseRepsetFile(file, text);
  if ("errors" in parsed) return parsed;
  try {
    return { rules: normaliseRules(parsed.repset.rules).rules };
  } catch (error) {
    if (!(error instanceof SmError)) throw error;
    return { errors: [wholeFile(file, "rules that go together", error.message)] };
  }
}

function readConnection(name: string, file: string, text: string): ReturnType<typeof parseConnectionFile> {
  const reason = checkRepsetName(name);
  if (reason !== undefined) return { errors: [wholeFile(file, "a name of letters, digits, blanks, - and _", `a name that ${reason}`)] };
  return parseConnectionFile(name, file, text);
}

/** Null = it names one that is there, or none at all. */
function unknownSet(file: string, text: string, sets: readonly FoundFile[]): FieldError | null {
  const source = new YamlSource(file, text);
  const root = source.value();
  if (!isRecord(root) || typeof root.set !== "string" || sets.some(({ name }) => name === root.set)) return null;
  const known =
    sets.length === 0
      ? "which has none"
      : `one of ${sets
          .slice(0, SETS_SHOWN)
          .map(({ name }) => name)
          .join(", ")}`;
  return { file, ...source.placeOf(["set"]), path: "set", expected: `a replication set of ${REPSET_DIRECTORY}: ${known}`, got: JSON.stringify(root.set) };
}

/** Sets that share a path can be kept, but not be connected side by side. */
function overlaps(configDir: string, repsets: ReadonlyMap<string, readonly Rule[]>): FieldError[] {
  const all = [...repsets];
  return all.flatMap(([name, rules], index) =>
    all.slice(index + 1).flatMap(([other, otherRules]) => {
      const shared = findOverlap(rules, otherRules);
      if (shared === undefined) return [];
      const file = join(configDir, REPSET_DIRECTORY, `${name}${EXTENSION}`);
      return [wholeFile(file, `paths that no other set has, to be connected beside ${other}`, `a path of both: ${shared}`)];
    }),
  );
}

interface FoundFile {
  readonly name: string;
  readonly file: string;
  readonly text: string;
}

function readDirectory(directory: string): { readonly files: readonly FoundFile[]; readonly errors: readonly FieldError[]; readonly isThere: boolean } {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { files: [], errors: [], isThere: false };
    return { files: [], errors: [wholeFile(directory, "a readable directory", messageOf(error))], isThere: false };
  }
  const chosen = names.filter((name) => name.endsWith(EXTENSION) && !name.startsWith(".") && !name.endsWith(TEMPORARY_SUFFIX)).sort();
  if (chosen.length > FILES_MAX) return { files: [], errors: [wholeFile(directory, `at most ${FILES_MAX} files`, `${chosen.length}`)], isThere: true };
  const files: FoundFile[] = [];
  const errors: FieldError[] = [];
  for (const each of chosen) {
    const file = join(directory, each);
    const text = readText(file);
    if (typeof text === "string") files.push({ name: each.slice(0, -EXTENSION.length), file, text });
    else errors.push(text);
  }
  return { files, errors, isThere: true };
}

function readText(file: string): string | FieldError {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    return wholeFile(file, "a readable file", messageOf(error));
  }
}

/** A file that cannot be read is an error beside the others. */
function guarded(file: string, work: () => ReturnType<typeof checkConfig>): ReturnType<typeof checkConfig> {
  try {
    return work();
  } catch (error) {
    if (error instanceof SmError && error.code === "CONFIG_INVALID") return { errors: error.data.errors as readonly FieldError[] };
    return { errors: [wholeFile(file, "a readable file", messageOf(error))] };
  }
}

function wholeFile(file: string, expected: string, got: string): FieldError {
  return { file, line: 0, column: 0, path: "", expected, got };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
